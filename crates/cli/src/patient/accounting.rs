//! The signed list of who looked, as a file that `salus verify` checks without any network.

use super::Session;
use crate::output::Output;
use anyhow::Context as _;
use salus_types::OrganisationId;
use salus_verifier::AccountingFile;
use serde_json::json;
use std::fs;
use std::path::Path;

/// Asks an organisation for the list.
pub(super) async fn fetch(
    session: &Session,
    at: &OrganisationId,
    before: Option<u64>,
) -> anyhow::Result<AccountingFile> {
    let answer =
        session.write_to(&session.at(at)?, &json!({ "ask": "accounting", "before": before })).await?;
    AccountingFile::parse(&answer["accounting"].to_string())
        .with_context(|| format!("`{at}` gave a malformed list"))
}

pub(super) async fn save(
    session: &Session,
    at: &OrganisationId,
    before: Option<u64>,
    out: &Path,
    output: Output,
) -> anyhow::Result<()> {
    let file = fetch(session, at, before).await?;
    fs::write(out, serde_json::to_vec_pretty(&file)?)
        .with_context(|| format!("cannot write `{}`", out.display()))?;
    let entries = &file.statement.entries;
    let first = entries.first().map_or(0, |entry| entry.number);
    let (count, written) = (entries.len(), out.display().to_string());
    output.result(&json!({ "written": written, "entries": count, "first": first }), || {
        let older = match first {
            0 | 1 => String::new(),
            first => format!(" It begins with entry {first}; `--before {first}` saves what is older."),
        };
        format!(
            "{count} entries written to `{written}`.{older}\n\
             `salus verify {written} --genesis FILE` checks it, and shows it in words."
        )
    })
}
