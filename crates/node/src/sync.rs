//! State sync between peers for variable-length values.
//!
//! glue's resolver wants operations that decode without configuration; the operations of a variable database take one
//! (a pair of units). [`WireOperation`] closes that gap: it is the same bytes, with its configuration inside.

use crate::runtime::Runtime;
use crate::state::{StateDb, StateOperation};
use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error, Read, Write};
use commonware_cryptography::sha256;
use commonware_glue::stateful::db::p2p::Mailbox;
use commonware_glue::stateful::db::{AttachableResolver, Shared};
use commonware_storage::mmr;
use commonware_storage::qmdb::sync::{Feedback, Request, Response, ServeError, Source, source};
use commonware_utils::channel::{mpsc, oneshot};
use std::sync::Arc;

/// An operation of the state's log on the wire.
#[derive(Clone, Debug)]
pub struct WireOperation(StateOperation);

impl Write for WireOperation {
    fn write(&self, buf: &mut impl BufMut) {
        self.0.write(buf);
    }
}

impl EncodeSize for WireOperation {
    fn encode_size(&self) -> usize {
        self.0.encode_size()
    }
}

impl Read for WireOperation {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        StateOperation::read_cfg(buf, &((), ())).map(Self)
    }
}

type WireResponse = Response<mmr::Family, WireOperation, sha256::Digest>;
type StateResponse = Response<mmr::Family, StateOperation, sha256::Digest>;

fn map<A, B>(
    response: Response<mmr::Family, A, sha256::Digest>,
    f: impl Fn(A) -> B,
) -> Response<mmr::Family, B, sha256::Digest> {
    match response {
        Response::Operations { proof, operations } => {
            Response::Operations { proof, operations: operations.into_iter().map(f).collect() }
        }
        Response::Boundary { proof, op, pinned_nodes } => {
            Response::Boundary { proof, op: f(op), pinned_nodes }
        }
    }
}

/// The state database as peers are served from it.
pub struct Served<E: Runtime>(Shared<StateDb<E>>);

impl<E: Runtime> Source for Served<E> {
    type Family = mmr::Family;
    type Digest = sha256::Digest;
    type Op = WireOperation;
    type Error = ServeError<mmr::Family>;

    async fn serve(&self, request: Request<mmr::Family>) -> source::Result<Self> {
        let (response, _) = self.0.serve(request).await?;
        Ok((map(response, WireOperation), None))
    }
}

/// Fetches the state from peers, and serves it to them.
pub struct StateResolver<E: Runtime> {
    context: Arc<E>,
    mailbox: Mailbox<Served<E>, mmr::Family, WireOperation, sha256::Digest>,
}

impl<E: Runtime> StateResolver<E> {
    /// Wraps the mailbox of glue's resolver actor.
    pub fn new(context: E, mailbox: Mailbox<Served<E>, mmr::Family, WireOperation, sha256::Digest>) -> Self {
        Self { context: Arc::new(context), mailbox }
    }
}

impl<E: Runtime> Clone for StateResolver<E> {
    fn clone(&self) -> Self {
        Self { context: Arc::clone(&self.context), mailbox: self.mailbox.clone() }
    }
}

impl<E: Runtime> AttachableResolver<StateDb<E>> for StateResolver<E> {
    async fn attach_database(&self, db: Shared<StateDb<E>>) {
        self.mailbox.attach_database(Shared::new("state_served", Served(db)));
    }
}

impl<E: Runtime> Source for StateResolver<E> {
    type Family = mmr::Family;
    type Digest = sha256::Digest;
    type Op = StateOperation;
    type Error = ServeError<mmr::Family>;

    async fn serve(&self, request: Request<mmr::Family>) -> source::Result<Self> {
        let (response, feedback) =
            self.mailbox.serve(request).await.map_err(|_| ServeError::MissingSource)?;
        let feedback = feedback.map(|feedback| self.relay(feedback));
        Ok((map(response, |operation| operation.0), feedback))
    }
}

impl<E: Runtime> StateResolver<E> {
    /// Passes the caller's verdicts on, and further candidates back.
    fn relay(&self, inner: Feedback<WireResponse>) -> Feedback<StateResponse> {
        let (verdict, mut next_verdict) = oneshot::channel();
        let (candidates, receiver) = mpsc::channel(1);
        self.context.child("feedback").spawn(move |_| async move {
            let mut inner = inner;
            loop {
                match next_verdict.await {
                    Ok(true) => return inner.accept(),
                    Ok(false) => {}
                    Err(_) => return,
                }
                let Some((response, feedback)) = inner.reject().await else { return };
                inner = feedback;
                let (verdict, verdict_receiver) = oneshot::channel();
                next_verdict = verdict_receiver;
                if candidates.send((map(response, |operation| operation.0), verdict)).await.is_err() {
                    return;
                }
            }
        });
        Feedback::new(verdict, receiver)
    }
}
