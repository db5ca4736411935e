//! Nodes that lie.

use crate::world::World;
use commonware_consensus::simplex::mocks::{
    conflicter, impersonator, nuller, nullify_only, outdated, reconfigurer,
};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::types::ViewDelta;
use commonware_cryptography::{Sha256, ed25519};
use commonware_glue::simulate::engine::ChannelPair;
use commonware_p2p::simulated;
use commonware_p2p::utils::mux::{Muxer, SubReceiver, SubSender};
use commonware_runtime::{Clock as _, Handle, Spawner as _, Supervisor as _, deterministic};
use std::sync::Arc;
use std::time::Duration;

type PublicKey = ed25519::PublicKey;
type Votes = (SubSender<simulated::Sender<PublicKey, deterministic::Context>>, SubReceiver<PublicKey>);

/// What a byzantine node does instead of following the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Byzantine {
    /// Says nothing at all.
    Silent,
    /// Votes for what it hears and for something else in the same view.
    Conflicter,
    /// Votes to leave a view and to finalise it.
    Nuller,
    /// Votes to leave every view.
    NullifyOnly,
    /// Votes for old views.
    Outdated,
    /// Votes in the name of others.
    Impersonator,
    /// Votes for another epoch.
    Reconfigurer,
}

impl Byzantine {
    /// Whether honest nodes that hear it can prove that it lies.
    pub fn contradicts_itself(self) -> bool {
        matches!(self, Self::Conflicter | Self::Nuller)
    }

    /// Lies in every epoch, on the subchannel of its votes.
    pub(crate) fn start(
        self,
        context: deterministic::Context,
        scheme: Scheme,
        votes: ChannelPair<PublicKey>,
        world: Arc<World>,
    ) -> Handle<()> {
        context.spawn(move |context| async move {
            let (mux, mut lane) = Muxer::new(context.child("mux"), votes.0, votes.1);
            mux.start();
            loop {
                let epoch = world.epoch();
                let Ok(votes) = lane.register(epoch).await else { return };
                let lies = self.lie(context.child("lie"), scheme.clone(), votes);
                while world.epoch() == epoch {
                    context.sleep(Duration::from_millis(50)).await;
                }
                lies.abort();
                let _ = lies.await;
            }
        })
    }

    fn lie(self, context: deterministic::Context, scheme: Scheme, votes: Votes) -> Handle<()> {
        match self {
            Self::Silent => context.spawn(|_| async move {
                // The channel stays open: messages reach this node and nothing comes of them.
                let _votes = votes;
                std::future::pending::<()>().await;
            }),
            Self::Conflicter => {
                conflicter::Conflicter::<_, _, Sha256>::new(context, conflicter::Config { scheme })
                    .start(votes)
            }
            Self::Nuller => {
                nuller::Nuller::<_, _, Sha256>::new(context, nuller::Config { scheme }).start(votes)
            }
            Self::NullifyOnly => {
                nullify_only::NullifyOnly::<_, _, Sha256>::new(context, nullify_only::Config { scheme })
                    .start(votes)
            }
            Self::Outdated => {
                let config = outdated::Config { scheme, view_delta: ViewDelta::new(10) };
                outdated::Outdated::<_, _, Sha256>::new(context, config).start(votes)
            }
            Self::Impersonator => {
                impersonator::Impersonator::<_, _, Sha256>::new(context, impersonator::Config { scheme })
                    .start(votes)
            }
            Self::Reconfigurer => {
                reconfigurer::Reconfigurer::<_, _, Sha256>::new(context, reconfigurer::Config { scheme })
                    .start(votes)
            }
        }
    }
}
