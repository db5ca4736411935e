//! The network's governance in words for people.

use salus_gateway::steward::governance::{
    Difference, FaultRow, Governance, NetworkRow, ProposalRow, ShownChange,
};
use salus_types::contradiction::Misdeed;
use std::fmt::Write as _;

/// Members and proposals, a line each.
pub(super) fn overview(governance: &Governance) -> String {
    let network = &governance.network;
    let mut text = format!(
        "{}: epoch {}, block {}. {}\n\n",
        network.name,
        network.epoch,
        network.height,
        next_count(network)
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:<24}{:<14}{:<6}{:<11}since", "member", "class", "seat", "custodian");
    for member in &governance.members {
        let id = if member.own { format!("{} (own)", member.id) } else { member.id.to_string() };
        let (seat, custodian) = (yes(member.validator), yes(member.custodian));
        let class = member.class.as_str();
        let _ = writeln!(text, "{id:<24}{class:<14}{seat:<6}{custodian:<11}{}", member.since);
    }
    let _ = writeln!(text, "\n{:>6}  {:<10}{:>4}{:>9}  change", "number", "outcome", "for", "against");
    for row in &governance.proposals {
        let (approving, against) = tally(row);
        let (number, outcome, change) = (row.number, row.outcome.as_str(), change(&row.change));
        let _ = writeln!(text, "{number:>6}  {outcome:<10}{approving:>4}{against:>9}  {change}");
    }
    for fault in &governance.faults {
        let FaultRow { organisation, epoch, view, accuser, height, .. } = fault;
        let did = misdeed(fault.misdeed);
        let _ = writeln!(
            text,
            "\n`{organisation}` {did} in epoch {epoch}, view {view}; shown by `{accuser}` at block {height}."
        );
    }
    text
}

/// What a validator did, in words.
fn misdeed(misdeed: Misdeed) -> &'static str {
    match misdeed {
        Misdeed::TwoNotarizes => "voted for two blocks in one place",
        Misdeed::TwoFinalizes => "voted to make two blocks final in one place",
        Misdeed::NullifyAndFinalize => "voted to leave a place empty, and to make its block final",
    }
}

/// When votes are counted next.
pub(super) fn next_count(network: &NetworkRow) -> String {
    let blocks = network.last_height.saturating_sub(network.height);
    let minutes = blocks.saturating_mul(network.block_ms).div_ceil(60_000);
    let when = if network.block_ms == 0 { String::new() } else { format!(", in about {minutes} minutes") };
    format!("Votes are counted at block {}{when}.", network.last_height)
}

/// Everything about one proposal.
pub(super) fn proposal(row: &ProposalRow) -> String {
    let mut text = format!("Proposal {}: {}\n", row.number, change(&row.change));
    for line in details(&row.change) {
        let _ = writeln!(text, "  {line}");
    }
    let decided = row.decided.map_or_else(String::new, |height| format!(", decided at block {height}"));
    let (approving, against) = tally(row);
    let _ = writeln!(text, "id        {}", row.id);
    let _ = writeln!(text, "proposer  {}, at block {}", row.proposer, row.height);
    let _ = writeln!(text, "outcome   {}{decided}", row.outcome);
    let _ = writeln!(text, "for       {approving} of {} needed{}", row.needed, names(&row.votes.approving));
    let _ = writeln!(text, "against   {against}{}", names(&row.votes.against));
    text
}

/// A change in one line.
pub(super) fn change(change: &ShownChange) -> String {
    match change {
        ShownChange::Admit { organisation } => {
            format!("admit `{}` ({}, {})", organisation.id, organisation.name, organisation.class)
        }
        ShownChange::Update { organisation, differences } => {
            let fields: Vec<_> = differences.iter().map(|one| one.field.as_str()).collect();
            format!("update the entry of `{organisation}`: {}", fields.join(", "))
        }
        ShownChange::SetClass { organisation, class } => {
            format!("change the class of `{organisation}` to {class}")
        }
        ShownChange::SetDuties { organisation, validator, custodian } => {
            let seat = if *validator { "a seat" } else { "no seat" };
            let custody = if *custodian { "custodian" } else { "no custodian" };
            format!("set the duties of `{organisation}`: {seat}, {custody}")
        }
        ShownChange::Remove { organisation } => format!("remove `{organisation}`"),
        ShownChange::SetParameters { differences, .. } => {
            let changed: Vec<_> = differences.iter().map(|one| format!("{} {}", one.field, one.to)).collect();
            format!("change parameters: {}", changed.join(", "))
        }
    }
}

/// What the line leaves out.
fn details(change: &ShownChange) -> Vec<String> {
    match change {
        ShownChange::Admit { organisation } => vec![
            format!("custodian       {}", yes(organisation.custodian)),
            format!("node key        {}... (compare it with the organisation's own)", organisation.node_key),
            format!("ledger address  {}", organisation.ledger_address),
            format!("peer URL        {}", organisation.peer_url),
            format!("portal          {}", organisation.portal_url),
        ],
        ShownChange::Update { differences, .. } | ShownChange::SetParameters { differences, .. } => {
            differences.iter().map(difference).collect()
        }
        ShownChange::SetClass { .. } | ShownChange::SetDuties { .. } | ShownChange::Remove { .. } => {
            Vec::new()
        }
    }
}

fn difference(one: &Difference) -> String {
    if one.from.is_null() {
        return format!("{}: {}", one.field, one.to);
    }
    format!("{}: {} instead of {}", one.field, one.to, one.from)
}

/// Votes for and against, those of members that have left included.
fn tally(row: &ProposalRow) -> (usize, usize) {
    let votes = &row.votes;
    (votes.approving.len() + votes.left.approving, votes.against.len() + votes.left.against)
}

fn names(voters: &[salus_types::OrganisationId]) -> String {
    if voters.is_empty() {
        return String::new();
    }
    let names: Vec<_> = voters.iter().map(salus_types::OrganisationId::as_str).collect();
    format!(": {}", names.join(", "))
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}
