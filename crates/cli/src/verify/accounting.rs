//! What a list of who looked shows, once it holds.

use super::Anchor;
use crate::clock::words;
use crate::output::Output;
use anyhow::Context as _;
use salus_verifier::{
    Account, AccountingFile, Disclosed, Side, Statement, VerifiedAccounting, verify_accounting,
};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    verified: bool,
    organisation: &'a str,
    patient: &'a str,
    made_ms: u64,
    /// The patient's own numbers of the first and last entry.
    first: u64,
    last: u64,
    entries: Vec<Entry<'a>>,
    /// What was read elsewhere under the patient's grants.
    shared: Vec<Shared>,
    /// How many entries of the whole log the ledger vouches for.
    log_entries: u64,
    certified_height: u64,
    proven: &'a [String],
    stated: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    number: u64,
    time_ms: u64,
    #[serde(flatten)]
    says: &'a Account,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shared {
    time_ms: u64,
    to: String,
    purpose: String,
    count: u32,
    access: String,
    grant: String,
}

pub(super) fn print(mut anchor: Anchor, file: &AccountingFile, output: Output) -> anyhow::Result<()> {
    let verified = verify_accounting(&mut anchor.validators, file).context("the list does not hold")?;
    output.result(&report(&file.statement, &verified), || text(&file.statement, &verified))
}

fn report<'a>(statement: &'a Statement, verified: &'a VerifiedAccounting) -> Report<'a> {
    let entry =
        |(number, time_ms, says): &'a (u64, u64, Account)| Entry { number: *number, time_ms: *time_ms, says };
    Report {
        verified: true,
        organisation: statement.organisation.as_str(),
        patient: &statement.patient,
        made_ms: statement.made_ms,
        first: verified.entries.first().map_or(0, |(number, ..)| *number),
        last: verified.entries.last().map_or(0, |(number, ..)| *number),
        entries: verified.entries.iter().map(entry).collect(),
        shared: verified.disclosed.iter().map(shared).collect(),
        log_entries: verified.log_entries,
        certified_height: verified.height,
        proven: &statement.proven,
        stated: &statement.stated,
    }
}

fn shared(reading: &Disclosed) -> Shared {
    Shared {
        time_ms: reading.time_ms,
        to: reading.to.to_string(),
        purpose: reading.purpose.to_string(),
        count: reading.count,
        access: reading.access.to_string(),
        grant: reading.grant.to_string(),
    }
}

fn text(statement: &Statement, verified: &VerifiedAccounting) -> String {
    let line = |(number, time_ms, says): &(u64, u64, Account)| {
        format!(
            "  {number:>4}  {}  {} at {}: {}; {}",
            words(*time_ms),
            says.who,
            says.at,
            says.what,
            says.why
        )
    };
    let of = |side: Side| -> Vec<String> {
        verified.entries.iter().filter(|(_, _, says)| says.side == side).map(line).collect()
    };
    let shared = verified.disclosed.iter().map(|reading| {
        let Disclosed { to, purpose, count, time_ms, .. } = reading;
        format!(
            "        {}  {to}: read {count} entries that the patient shares with it, for {purpose}",
            words(*time_ms)
        )
    });
    let left: Vec<String> = of(Side::Disclosure).into_iter().chain(shared).collect();
    let section = |title: &str, lines: Vec<String>| {
        let lines = if lines.is_empty() { "  nothing".to_owned() } else { lines.join("\n") };
        format!("{title}\n{lines}")
    };
    let claims = |title: &str, claims: &[String]| {
        section(title, claims.iter().map(|claim| format!("  - {claim}")).collect())
    };
    [
        format!(
            "Verified: {} (`{}`) signed this list on {}; block {} vouches for it.",
            statement.name,
            statement.organisation,
            words(statement.made_ms),
            verified.height
        ),
        section("What left the organisation:", left),
        section("What was used within:", of(Side::Use)),
        claims("This check shows:", &statement.proven),
        claims("It rests on the organisation's word:", &statement.stated),
    ]
    .join("\n")
}
