//! A first start in a network that runs already: what a member says is fetched, and checked from the genesis on.

use crate::public_node::PublicNode;
use anyhow::{Context as _, ensure};
use salus_node::{Anchor, EpochRecord, NodeHandle};
use salus_types::genesis::{Genesis, Parameters};
use salus_types::membership::{Member, validator_keys, validators_hash};
use salus_types::organisation::Organisation;
use salus_types::state::key;
use salus_types::{Digest, decode_canonical};
use salus_verifier::{Validators, verify_certified_header, verify_state};
use std::path::Path;
use std::time::Duration;

/// Made once the ledger has been open: from then on the node goes on from its own disk.
const JOINED_FILE: &str = "joined";
/// How often a running epoch may end while it is looked at.
const TRIES: u32 = 5;
/// How often a node that waits says so.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Whether the node has been up.
pub(super) fn has_joined(home: &Path) -> bool {
    home.join(JOINED_FILE).exists()
}

/// From where to begin, unless this node has begun before. Blocking.
pub(super) fn anchor(
    home: &Path,
    genesis: &Genesis,
    member: &str,
    replay: bool,
) -> anyhow::Result<Option<Anchor>> {
    if has_joined(home) {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let node = PublicNode::new(member)?;
    let anchor = runtime.block_on(async {
        for _ in 1..TRIES {
            match fetch(&node, genesis, replay).await {
                Err(error) => tracing::warn!("{error:#}; once more"),
                found => return found,
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        fetch(&node, genesis, replay).await
    });
    let anchor = anchor.with_context(|| format!("joining through `{member}`"))?;
    tracing::info!(
        epoch = anchor.epoch.epoch,
        members = anchor.members.len(),
        changes = anchor.handovers.len(),
        "the network's history is checked from its genesis; its state is fetched now"
    );
    Ok(Some(anchor))
}

async fn fetch(node: &PublicNode, genesis: &Genesis, replay: bool) -> anyhow::Result<Anchor> {
    let epoch = node.epoch().await?;
    let mut validators = Validators::of_genesis(genesis);
    let handovers = node.handovers().await?;
    validators.extend(&handovers).context("its handovers do not hold")?;
    let members: Vec<Organisation> = epoch.members()?;
    let keys = validator_keys(&members.iter().map(Member::from).collect::<Vec<_>>());
    let parent = match epoch.first_height.checked_sub(1).filter(|_| epoch.epoch > 0) {
        None => Digest::ZERO,
        Some(height) => {
            let block = node.certified(height).await?;
            let header = verify_certified_header(&validators, &block).context("the epoch's beginning")?;
            let fits = header.height == height && header.epoch + 1 == epoch.epoch;
            ensure!(fits, "the epoch does not begin where it says");
            ensure!(header.next_validators == validators_hash(&keys), "its validators are others");
            header.digest()
        }
    };
    // The proof comes with the newest block: it is the one to begin at.
    let (value, proof, block) = node.state_proof(&key::parameters()).await?;
    let header = verify_certified_header(&validators, &block).context("its newest block")?;
    verify_state(&header.state_root, &key::parameters(), value.as_deref(), &proof)
        .context("its parameters")?;
    let parameters: Parameters = decode_canonical(&value.context("there are no parameters")?)?;
    ensure!(header.epoch == epoch.epoch, "the epoch has just ended");
    let certified = block.headers.last().is_some_and(|last| last.epoch == epoch.epoch);
    ensure!(certified, "the epoch has just ended");
    Ok(Anchor {
        epoch: EpochRecord {
            epoch: epoch.epoch,
            first_height: epoch.first_height,
            blocks: parameters.epoch_blocks.into(),
            parent,
            members: u32::try_from(members.len())?,
            validators: keys,
        },
        handovers,
        certificate: block.certificate.to_vec(),
        members,
        replay,
    })
}

/// Waits until the ledger is open, and says every few seconds for what it waits.
pub(super) async fn wait_open(node: &NodeHandle, home: &Path) -> anyhow::Result<()> {
    let opened = node.opened();
    tokio::pin!(opened);
    let mut waited = Duration::ZERO;
    while tokio::time::timeout(REPORT_EVERY, &mut opened).await.is_err() {
        waited += REPORT_EVERY;
        let (peers, seconds) = (node.stats().peers, waited.as_secs());
        match peers {
            0 => tracing::warn!(seconds, "no member talks to this node: is it admitted, and reachable?"),
            _ => tracing::info!(seconds, peers, "fetching the state"),
        }
    }
    std::fs::write(home.join(JOINED_FILE), "").context("cannot write to the node's folder")
}
