//! The network, its members, its parameters and its proposals, in one answer.

use super::history::{History, proposal};
use super::read;
use super::shown::{Before, Rules, ShownChange, shown};
use crate::chain::NetworkView;
use crate::error::Error;
use crate::state::Gateway;
use salus_types::contradiction::Misdeed;
use salus_types::governance::{Change, Outcome};
use salus_types::organisation::Class;
use salus_types::state::{Ballot, FaultEntry, OpenProposals, OrganisationEntry, ProposalEntry, key};
use salus_types::{OrganisationId, ProposalId};
use serde::{Deserialize, Serialize};

/// Most proposals in one answer.
const PROPOSALS_MAX: u64 = 50;
/// Most faults in one answer.
const FAULTS_MAX: u64 = 50;
/// Blocks over which the time between two is taken.
const BLOCKS_MEASURED: u64 = 32;

/// How the network stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Governance {
    /// The network and its epoch.
    pub network: NetworkRow,
    /// The parameters in force.
    pub parameters: Rules,
    /// The members, by their places.
    pub members: Vec<MemberRow>,
    /// Proposals, newest first.
    pub proposals: Vec<ProposalRow>,
    /// What validators were caught at, newest first.
    pub faults: Vec<FaultRow>,
}

/// Votes of one validator that no honest one signs both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultRow {
    /// The organisation whose node signed them.
    pub organisation: OrganisationId,
    /// What it did.
    pub misdeed: Misdeed,
    /// In which epoch.
    pub epoch: u64,
    /// In which view of it.
    pub view: u64,
    /// Who showed it.
    pub accuser: OrganisationId,
    /// At which height.
    pub height: u64,
    /// Time of that block in milliseconds.
    pub time_ms: u64,
}

/// The network and its running epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkRow {
    /// Name.
    pub name: String,
    /// Number of the epoch.
    pub epoch: u64,
    /// Height of its first block.
    pub first_height: u64,
    /// Height of its last block, at which votes are counted.
    pub last_height: u64,
    /// Height of the newest block.
    pub height: u64,
    /// Time of the newest block in milliseconds.
    pub time_ms: u64,
    /// Mean time between the newest blocks, in milliseconds; 0 while there are too few.
    pub block_ms: u64,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    /// Short name.
    pub id: OrganisationId,
    /// Name.
    pub name: String,
    /// Class.
    pub class: Class,
    /// Whether it votes in consensus.
    pub validator: bool,
    /// Whether it keeps sealed packages and shares.
    pub custodian: bool,
    /// Height from which it is a member.
    pub since: u64,
    /// Whether it is this organisation.
    pub own: bool,
}

/// A side in a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// For the proposal.
    For,
    /// Against it.
    Against,
}

/// Numbers of votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// For the proposal.
    #[serde(rename = "for")]
    pub approving: usize,
    /// Against it.
    pub against: usize,
}

/// Who voted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes {
    /// For the proposal.
    #[serde(rename = "for")]
    pub approving: Vec<OrganisationId>,
    /// Against it.
    pub against: Vec<OrganisationId>,
    /// Votes on a decided proposal by members that have left since.
    pub left: Tally,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposalRow {
    /// Its id.
    pub id: ProposalId,
    /// Its number.
    pub number: u64,
    /// Who proposed it.
    pub proposer: OrganisationId,
    /// Height of the proposal.
    pub height: u64,
    /// Block time from which no votes are taken, in milliseconds.
    pub closes_ms: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// Height at which that was decided.
    pub decided: Option<u64>,
    /// Who voted.
    pub votes: Votes,
    /// Votes for it that two thirds of the members of now are.
    pub needed: usize,
    /// Whether two thirds approve, or did.
    pub accepted: bool,
    /// How this organisation voted.
    pub own: Option<Side>,
    /// What is to change.
    pub change: ShownChange,
}

/// How the network stands, with the newest proposals whose number is below `before`.
///
/// # Errors
/// If this node's ledger does not answer.
pub async fn governance(gateway: &Gateway, before: Option<u64>) -> Result<Governance, Error> {
    let view = gateway.chain().network();
    let own = &gateway.config.organisation;
    Ok(Governance {
        network: network(gateway, &view).await,
        parameters: (&view.parameters).into(),
        members: view.members.iter().map(|member| member_row(member, own)).collect(),
        proposals: proposals(gateway, &view, before).await?,
        faults: faults(gateway).await?,
    })
}

async fn network(gateway: &Gateway, view: &NetworkView) -> NetworkRow {
    let head = gateway.chain().head();
    NetworkRow {
        name: gateway.genesis.name.as_str().to_owned(),
        epoch: view.epoch,
        first_height: view.first_height,
        last_height: view.last_height,
        height: head.height,
        time_ms: head.time_ms,
        block_ms: block_ms(gateway, head.height, head.time_ms).await.unwrap_or(0),
    }
}

async fn block_ms(gateway: &Gateway, height: u64, time_ms: u64) -> Option<u64> {
    // The genesis may be much older than the first block.
    let from = height.saturating_sub(BLOCKS_MEASURED).max(1);
    let first = gateway.chain().block(from).await?;
    time_ms.saturating_sub(first.block.header.time_ms).checked_div(height.checked_sub(from)?)
}

fn member_row(member: &OrganisationEntry, own: &OrganisationId) -> MemberRow {
    let organisation = &member.organisation;
    MemberRow {
        id: organisation.id.clone(),
        name: organisation.name.as_str().to_owned(),
        class: organisation.class,
        validator: organisation.validator,
        custodian: organisation.custodian,
        since: member.since,
        own: organisation.id == *own,
    }
}

async fn faults(gateway: &Gateway) -> Result<Vec<FaultRow>, Error> {
    let made: u64 = read(gateway, key::faults()).await?.unwrap_or_default();
    let mut rows = Vec::new();
    for number in (made.saturating_sub(FAULTS_MAX)..made).rev() {
        let Some(pointer) = read(gateway, key::fault_of_number(number)).await? else { continue };
        let Some(entry): Option<FaultEntry> = read(gateway, pointer).await? else { continue };
        let FaultEntry { organisation, misdeed, epoch, view, accuser, height, time_ms, .. } = entry;
        rows.push(FaultRow { organisation, misdeed, epoch, view, accuser, height, time_ms });
    }
    Ok(rows)
}

async fn proposals(
    gateway: &Gateway,
    view: &NetworkView,
    before: Option<u64>,
) -> Result<Vec<ProposalRow>, Error> {
    let list: Option<OpenProposals> = read(gateway, key::proposals()).await?;
    let made = list.map_or(0, |list| list.made);
    let end = before.map_or(made, |before| before.min(made));
    let mut found = Vec::new();
    for number in (end.saturating_sub(PROPOSALS_MAX)..end).rev() {
        found.extend(proposal(gateway, number).await?);
    }
    let history = match found.iter().any(|(_, entry)| needs_history(entry)) {
        true => History::read(gateway, made).await?,
        false => None,
    };
    let row = |(id, entry): (ProposalId, ProposalEntry)| {
        let before = match needs_history(&entry) {
            true => history.as_ref().map(|history| history.before(gateway, &entry)).unwrap_or_default(),
            false => now(view, &entry.change),
        };
        proposal_row(id, &entry, view, &gateway.config.organisation, &before)
    };
    Ok(found.into_iter().map(row).collect())
}

/// Whether what the change replaced stands no more.
fn needs_history(entry: &ProposalEntry) -> bool {
    entry.outcome == Outcome::Executed && matches!(entry.change, Change::Update(_) | Change::SetParameters(_))
}

/// What a change that is not carried out would replace.
fn now(view: &NetworkView, change: &Change) -> Before {
    let organisation = match change {
        Change::Update(update) => view.organisation(&update.organisation.id).cloned(),
        _ => None,
    };
    Before { organisation, parameters: Some(view.parameters.clone()) }
}

fn proposal_row(
    id: ProposalId,
    entry: &ProposalEntry,
    view: &NetworkView,
    own: &OrganisationId,
    before: &Before,
) -> ProposalRow {
    let votes = votes(entry, view);
    let approving = votes.approving.len() + votes.left.approving;
    let needed = (view.members.len() * 2).div_ceil(3);
    ProposalRow {
        id,
        number: entry.number,
        proposer: entry.proposer.clone(),
        height: entry.height,
        closes_ms: entry.closes_ms,
        outcome: entry.outcome,
        decided: entry.decided,
        needed,
        accepted: match entry.outcome {
            Outcome::Open => approving >= needed,
            Outcome::Executed | Outcome::Failed => true,
            Outcome::Refused | Outcome::Lapsed => false,
        },
        own: match () {
            () if votes.approving.contains(own) => Some(Side::For),
            () if votes.against.contains(own) => Some(Side::Against),
            () => None,
        },
        votes,
        change: shown(&entry.change, before),
    }
}

/// A vote is a bit at its member's place. Places of members that left are given again; a vote that leaves an open
/// proposal is taken out, one on a decided proposal stays, and is not that of whoever came to the place afterwards.
fn votes(entry: &ProposalEntry, view: &NetworkView) -> Votes {
    let there = |member: &&OrganisationEntry| entry.decided.is_none_or(|decided| member.since <= decided);
    let members: Vec<_> = view.members.iter().filter(there).collect();
    let of = |ballot: &Ballot| -> (Vec<OrganisationId>, usize) {
        let voted = members.iter().filter(|member| is_set(ballot, member.slot));
        let voted: Vec<_> = voted.map(|member| member.organisation.id.clone()).collect();
        let all: usize = ballot.iter().map(|byte| byte.count_ones() as usize).sum();
        let left = all.saturating_sub(voted.len());
        (voted, left)
    };
    let ((approving, approving_left), (against, against_left)) = (of(&entry.approvals), of(&entry.refusals));
    Votes { approving, against, left: Tally { approving: approving_left, against: against_left } }
}

fn is_set(ballot: &Ballot, slot: u8) -> bool {
    ballot[usize::from(slot) / 8] >> (slot % 8) & 1 == 1
}
