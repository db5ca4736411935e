//! The other members: reachable on both ways, and how this node compares with them in height, clock and version.

use super::{Check, Home};
use crate::clock::now_ms;
use crate::members::Members;
use crate::node::ops::Health;
use crate::public_node::PublicNode;
use futures::future::join_all;
use salus_crypto::hash::sha256;
use salus_gateway::peer::{NodeStatus, probe};
use salus_types::organisation::Organisation;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest wait for a connection, and for a member's list.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Blocks behind the others from which on a node is said to be behind.
const BEHIND_BLOCKS_MAX: u64 = 100;
/// How far the clock may be off: validators hold a block back that is further ahead of theirs
/// (`salus_node::CLOCK_DRIFT_MS_MAX`).
const CLOCK_OFF_MS_MAX: u64 = 500;
/// From here on the node's own proposals come too late.
const CLOCK_WRONG_MS_MIN: u64 = 2_000;

/// What another node said, and how far its clock is ahead of this machine's, in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: NodeStatus,
    pub(super) ahead_ms: i64,
}

/// A member, and what it said.
pub(super) struct Peer {
    name: String,
    connects: bool,
    answer: Option<Answer>,
}

pub(super) async fn look(home: &Home, health: Option<&Health>) -> Vec<Check> {
    let members = members(home, health).await;
    let own = members.as_ref().and_then(|members| {
        members.iter().find(|member| member.id == home.file.organisation).map(|own| membership(own, home))
    });
    let unknown = || match members {
        None => Check::warning(
            "membership",
            "no member told who belongs to the network now",
            "see the lines on peers; those of the genesis were asked",
        ),
        Some(_) => Check::failure(
            "membership",
            format!("`{}` is no member of the network", home.file.organisation),
            "apply for membership: docs/howto/add-an-organisation.md",
        ),
    };
    let mut checks = vec![own.unwrap_or_else(unknown)];
    let members = members.clone().unwrap_or_else(|| home.genesis.organisations.iter().cloned().collect());
    let others = members.iter().filter(|member| member.id != home.file.organisation);
    let peers = join_all(others.map(|member| ask(member, home))).await;
    checks.extend(reach(&peers));
    let answers: Vec<Answer> = peers.into_iter().filter_map(|peer| peer.answer).collect();
    checks.extend([clock(&answers), versions(&answers)]);
    checks.extend(health.map(|health| lag(health.height, health.epoch, &answers)));
    checks
}

/// The members as they are now: the node's word, or that of any of the genesis's members, checked.
async fn members(home: &Home, health: Option<&Health>) -> Option<Vec<Organisation>> {
    if let Some(health) = health {
        return health.members().ok();
    }
    for member in home.genesis.organisations.iter().filter(|member| member.id != home.file.organisation) {
        let Ok(node) = PublicNode::new(member.portal_url.as_str()) else { continue };
        let asked = tokio::time::timeout(CONNECT_TIMEOUT, Members::fetch(&node, &home.genesis)).await;
        if let Ok(Ok(members)) = asked {
            return Some(members.organisations);
        }
    }
    None
}

/// Whether the ledger names this node's keys.
fn membership(own: &Organisation, home: &Home) -> Check {
    let keys = &home.keys;
    let same = [
        (own.node_key == keys.node.public(), "node key"),
        (own.kem_key[..] == keys.kem.public().0, "X-Wing key"),
        (own.tls_certificate == sha256(&keys.tls.certificate), "certificate"),
    ];
    let differ: Vec<_> = same.iter().filter(|(same, _)| !same).map(|(_, name)| *name).collect();
    match differ.is_empty() {
        true => Check::ok("membership", format!("`{}` is a member, with these keys", own.id)),
        false => Check::failure(
            "membership",
            format!("the ledger has another {} for `{}`", differ.join(" and "), own.id),
            "restore the right keys, or have the members vote for these: salus governance propose",
        ),
    }
}

async fn ask(member: &Organisation, home: &Home) -> Peer {
    let connect = TcpStream::connect(member.ledger_address.as_str());
    let connects = matches!(tokio::time::timeout(CONNECT_TIMEOUT, connect).await, Ok(Ok(_)));
    let before = now_ms().unwrap_or(0);
    let status = probe(member, &home.keys.tls).await.ok();
    let after = now_ms().unwrap_or(0);
    // Half the way there, half the way back; the handshake makes it late rather than early.
    let here = i64::try_from(before.midpoint(after)).unwrap_or(i64::MAX);
    let answer = status.map(|status| {
        let there = i64::try_from(status.time_ms).unwrap_or(i64::MAX);
        Answer { ahead_ms: if status.time_ms == 0 { 0 } else { there - here }, status }
    });
    Peer { name: member.id.to_string(), connects, answer }
}

/// Judges who can be reached.
fn reach(peers: &[Peer]) -> [Check; 2] {
    let names = |reached: &dyn Fn(&Peer) -> bool| {
        peers.iter().filter(|peer| !reached(peer)).map(|peer| peer.name.clone()).collect::<Vec<_>>()
    };
    [
        reached("peers, ledger", peers.len(), &names(&|peer| peer.connects)),
        reached("peers, https", peers.len(), &names(&|peer| peer.answer.is_some())),
    ]
}

/// Judges one way: more than a third away is more than the network can do without.
pub(super) fn reached(name: &'static str, all: usize, away: &[String]) -> Check {
    let advice = "see the firewall and the addresses in `salus governance`, and ask who runs them";
    match away.len() {
        0 => Check::ok(name, format!("all {all} others answer")),
        some if some * 3 > all => {
            Check::failure(name, format!("{some} of {all} do not answer: {}", away.join(", ")), advice)
        }
        some => Check::warning(name, format!("{some} of {all} do not answer: {}", away.join(", ")), advice),
    }
}

/// Judges the clock by the middle one of the others'.
pub(super) fn clock(answers: &[Answer]) -> Check {
    let mut ahead: Vec<_> = answers.iter().map(|answer| answer.ahead_ms).collect();
    ahead.sort_unstable();
    let Some(middle) = ahead.get(ahead.len() / 2) else {
        return Check::warning("clock", "nobody to compare with", "see the lines on peers");
    };
    let off = middle.unsigned_abs();
    let way = if *middle > 0 { "behind" } else { "ahead of" };
    let found = format!("{:.1} s {way} the others'", off as f64 / 1e3);
    let advice = "set the clock by NTP: timedatectl set-ntp true";
    match off {
        CLOCK_WRONG_MS_MIN.. => Check::failure("clock", found, advice),
        CLOCK_OFF_MS_MAX.. => Check::warning("clock", found, advice),
        _ => Check::ok("clock", format!("within {CLOCK_OFF_MS_MAX} ms of the others'")),
    }
}

/// Judges the versions: patches may differ.
pub(super) fn versions(answers: &[Answer]) -> Check {
    let own = env!("CARGO_PKG_VERSION");
    let series = |version: &str| version.rsplit_once('.').map(|(series, _)| series.to_owned());
    let mut others: Vec<&str> = answers.iter().map(|answer| answer.status.version.as_str()).collect();
    others.retain(|version| !version.is_empty() && series(version) != series(own));
    others.sort_unstable();
    others.dedup();
    match (answers.is_empty(), others.is_empty()) {
        (true, _) => {
            Check::warning("versions", format!("own {own}; nobody to compare with"), "see the lines on peers")
        }
        (false, true) => Check::ok("versions", format!("own {own}; the others run the same series")),
        (false, false) => Check::warning(
            "versions",
            format!("own {own}; others run {}", others.join(", ")),
            "agree on an upgrade: docs/howto/operate-a-node.md",
        ),
    }
}

/// Judges how far the node is behind the highest of the others.
pub(super) fn lag(height: u64, epoch: u64, answers: &[Answer]) -> Check {
    let highest = answers.iter().map(|answer| answer.status.height).max().unwrap_or(0);
    let newest = answers.iter().map(|answer| answer.status.epoch).max().unwrap_or(0);
    let behind = highest.saturating_sub(height);
    match behind > BEHIND_BLOCKS_MAX {
        true => Check::warning(
            "lag",
            format!("{behind} blocks and {} epochs behind the others", newest.saturating_sub(epoch)),
            "wait while it catches up; if it does not, see peers and disk writes",
        ),
        false => Check::ok("lag", "level with the others"),
    }
}
