//! The consensus: one engine for each epoch, one after the other.
//!
//! Upon an epoch's last block, final and applied here: the engine stops, its journal goes, and that of the next epoch
//! starts on top of this block, with the validators that its header commits to. Messages of each epoch travel on a
//! subchannel of its own. Upon a vote of a later epoch: whoever sent it knows how this one ended, and is asked; votes of the
//! next epoch are kept until this node is there ([`early`](crate::early)).

use crate::block::to_commonware;
use crate::early::{Early, EarlyFirst, Strangers};
use crate::engine::{
    App, CERTIFICATION_TIMEOUT, FETCH_RETRY, FETCH_TIMEOUT, IDLE_INTERVAL, LEADER_TIMEOUT, MAILBOX_SIZE,
    SKIP_TIMEOUT, TIMEOUT_RETRY, VIEWS_RETAINED,
};
use crate::epochs::{EpochRecord, Epochs, validator_set};
use crate::evidence::EvidenceBook;
use crate::mempool::Mempool;
use crate::pacing::Paced;
use crate::reader::Marshal;
use crate::runtime::Runtime;
use crate::store::{REPLAY_BUFFER, WRITE_BUFFER};
use commonware_consensus::Reporters;
use commonware_consensus::marshal::standard::Deferred;
use commonware_consensus::simplex;
use commonware_consensus::simplex::config::{Floor, ForwardPolicy, SkipBudget, SkipPolicy};
use commonware_consensus::simplex::elector::RoundRobin;
use commonware_consensus::types::{Epoch, Height};
use commonware_cryptography::certificate::{Provider as _, Scoped};
use commonware_cryptography::{Sha256, ed25519};
use commonware_macros::select;
use commonware_p2p::utils::mux::{Builder as _, MuxHandle, Muxer};
use commonware_p2p::{Blocker, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Clock, Handle};
use commonware_utils::{NZDuration, non_empty_vec};
use std::time::Duration;

/// How long a node catches up with an epoch before it says that it does.
const LEFT_BEHIND: Duration = Duration::from_secs(60);

/// What every epoch's engine needs.
pub(crate) struct Consensus<B> {
    pub(crate) epochs: Epochs,
    pub(crate) page_cache: CacheRef,
    pub(crate) partition: String,
    pub(crate) evidence: EvidenceBook,
    pub(crate) marshal: Marshal,
    pub(crate) blocker: B,
    pub(crate) mempool: Mempool,
}

/// The channels of all epochs: votes, certificates, requests for certificates.
struct Lanes<S: Sender>([MuxHandle<S>; 3]);

impl<B: Blocker<PublicKey = ed25519::PublicKey> + Sync> Consensus<B> {
    pub(crate) fn start<E: Runtime, S, R>(
        self,
        context: &E,
        app: App<E>,
        (votes, certificates, resolver): ((S, R), (S, R), (S, R)),
    ) where
        S: Sender<PublicKey = ed25519::PublicKey>,
        R: Receiver<PublicKey = ed25519::PublicKey>,
    {
        let mux = |name, (sender, receiver): (S, R)| {
            let (mux, lane) = Muxer::new(context.child(name), sender, receiver);
            mux.start();
            lane
        };
        let (votes_mux, votes, strangers) =
            Muxer::builder(context.child("votes"), votes.0, votes.1).with_backup().build();
        votes_mux.start();
        let lanes = Lanes([votes, mux("certificates", certificates), mux("certificate_requests", resolver)]);
        context.child("consensus").spawn(move |context| self.run(context, app, lanes, strangers));
    }

    async fn run<E: Runtime, S>(self, context: E, app: App<E>, mut lanes: Lanes<S>, strangers: Strangers)
    where
        S: Sender<PublicKey = ed25519::PublicKey>,
    {
        let mut follower = self.epochs.follow();
        let (mut strangers, mut before) = (Early::new(strangers), None);
        loop {
            let record = self.epochs.newest();
            let started = self.engine(context.child("epoch"), &app, &record, &mut lanes, &mut strangers);
            let Some(engine) = started.await else { return };
            if let Some(before) = before.replace(record.epoch) {
                // Nothing of it is needed again: its last block is final.
                let _ = context.remove(&self.journal(before), None).await;
            }
            let ended = async { follower.wait_for(|newest| *newest > record.epoch).await };
            let asked = self.ask_for_the_end(&context, &record, &mut strangers);
            select! {
                _ = ended => {},
                () = asked => return,
            }
            engine.abort();
            let _ = engine.await;
        }
    }

    fn journal(&self, epoch: u64) -> String {
        format!("{}-consensus-{epoch}", self.partition)
    }

    /// Asks those who are in a later epoch for the last block of this one. Ends with the node.
    async fn ask_for_the_end(&self, clock: &impl Clock, record: &EpochRecord, strangers: &mut Early) {
        let mut patience = None;
        while let Some((epoch, peer)) = strangers.next(record.epoch).await {
            let last = Height::new(record.last_height());
            self.marshal.hint_finalized(last, non_empty_vec![peer]);
            let until = *patience.get_or_insert(clock.current() + LEFT_BEHIND);
            if clock.current() > until {
                patience = None;
                tracing::warn!(
                    epoch = record.epoch,
                    theirs = epoch,
                    waits_for = last.get(),
                    "others are in a later epoch, and this node does not get the blocks that end its own; if nobody keeps \
                     them any more, start with an empty ledger folder and --join"
                );
            }
        }
    }

    /// Starts the engine of an epoch. `None`, if the node is stopping.
    async fn engine<E: Runtime, S>(
        &self,
        context: E,
        app: &App<E>,
        record: &EpochRecord,
        lanes: &mut Lanes<S>,
        strangers: &mut Early,
    ) -> Option<Handle<()>>
    where
        S: Sender<PublicKey = ed25519::PublicKey>,
    {
        let Lanes([votes, certificates, resolver]) = lanes;
        let (sender, receiver) = votes.register(record.epoch).await.ok()?;
        // Only from here on do votes come to the receiver, so that none falls in between.
        let votes = (sender, EarlyFirst::new(strangers.of(record.epoch), receiver));
        let certificates = certificates.register(record.epoch).await.ok()?;
        let resolver = resolver.register(record.epoch).await.ok()?;
        let epoch = Epoch::new(record.epoch);
        let scheme = self.epochs.scoped(epoch).and_then(Scoped::into_scheme)?;
        let evidence = self.evidence.of(record.epoch, validator_set(&record.validators).ok()?);
        let deferred =
            Deferred::new(context.child("deferred"), app.clone(), self.marshal.clone(), self.epochs.clone());
        let automaton =
            Paced::new(context.child("pacing"), deferred.clone(), self.mempool.clone(), IDLE_INTERVAL);
        let config = simplex::Config {
            scheme: (*scheme).clone(),
            elector: RoundRobin::<Sha256>::default(),
            blocker: self.blocker.clone(),
            automaton,
            relay: deferred.clone(),
            reporter: Reporters::from((deferred, evidence)),
            strategy: Sequential,
            partition: self.journal(record.epoch),
            mailbox_size: MAILBOX_SIZE,
            epoch,
            floor: Floor::Genesis(to_commonware(record.parent)),
            replay_buffer: REPLAY_BUFFER,
            write_buffer: WRITE_BUFFER,
            page_cache: self.page_cache.clone(),
            leader_timeout: LEADER_TIMEOUT,
            certification_timeout: CERTIFICATION_TIMEOUT,
            timeout_retry: TIMEOUT_RETRY,
            view_retention: VIEWS_RETAINED,
            skip: SkipPolicy::Enabled { timeout: SKIP_TIMEOUT, budget: SkipBudget::Participants },
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            forward: ForwardPolicy::SilentVoters,
            track_historical_votes: false,
        };
        let engine = simplex::Engine::new(context.child("engine"), config);
        Some(engine.start(votes, certificates, resolver))
    }
}
