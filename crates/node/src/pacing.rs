//! When to propose: at once if transactions wait, else after an idle pause.
//!
//! The pause happens here, before the application is asked, because a build that waits inside it would hold up the
//! application of finalised blocks.

use crate::block::Context;
use crate::mempool::Mempool;
use crate::runtime::Runtime;
use commonware_consensus::types::Round;
use commonware_consensus::{Automaton, CertifiableAutomaton};
use commonware_cryptography::sha256;
use commonware_macros::select;
use commonware_utils::channel::{fallible::OneshotExt, oneshot};
use std::sync::Arc;
use std::time::Duration;

/// An automaton whose leader waits for work.
pub struct Paced<E, A> {
    context: Arc<E>,
    inner: A,
    mempool: Mempool,
    idle: Duration,
}

impl<E, A: Clone> Clone for Paced<E, A> {
    fn clone(&self) -> Self {
        Self {
            context: Arc::clone(&self.context),
            inner: self.inner.clone(),
            mempool: self.mempool.clone(),
            idle: self.idle,
        }
    }
}

impl<E: Runtime, A> Paced<E, A> {
    /// Wraps `inner`; an idle leader proposes every `idle`.
    pub fn new(context: E, inner: A, mempool: Mempool, idle: Duration) -> Self {
        Self { context: Arc::new(context), inner, mempool, idle }
    }
}

impl<E: Runtime, A> Automaton for Paced<E, A>
where
    A: Automaton<Context = Context, Digest = sha256::Digest>,
{
    type Context = Context;
    type Digest = sha256::Digest;

    async fn propose(&mut self, context: Context) -> oneshot::Receiver<sha256::Digest> {
        let (mut response, receiver) = oneshot::channel();
        let Self { mempool, mut inner, idle, .. } = self.clone();
        self.context.child("propose").spawn(move |runtime| async move {
            select! {
                () = mempool.wait_ready() => {},
                () = runtime.sleep(idle) => {},
                () = response.closed() => return,
            }
            let built = inner.propose(context).await;
            select! {
                digest = built => if let Ok(digest) = digest {
                    response.send_lossy(digest);
                },
                () = response.closed() => {},
            }
        });
        receiver
    }

    async fn verify(&mut self, context: Context, payload: sha256::Digest) -> oneshot::Receiver<bool> {
        self.inner.verify(context, payload).await
    }
}

impl<E: Runtime, A> CertifiableAutomaton for Paced<E, A>
where
    A: CertifiableAutomaton<Context = Context, Digest = sha256::Digest>,
{
    async fn certify(&mut self, round: Round, payload: sha256::Digest) -> oneshot::Receiver<bool> {
        self.inner.certify(round, payload).await
    }
}
