//! The proof of one record, as a file that `salus verify` checks without any network.

use super::Session;
use super::records::newest;
use crate::output::Output;
use anyhow::Context as _;
use salus_verifier::ProofFile;

pub(super) async fn print(session: &mut Session, record: &str, output: Output) -> anyhow::Result<()> {
    let records = newest(session.records().await?);
    let found = records.into_iter().find(|found| found.name() == record);
    let found = found.with_context(|| format!("no anchored record `{record}` of this patient"))?;
    let file = ProofFile::of(&found.proof, &session.members.handovers, Some(found.text));
    let text = serde_json::to_string_pretty(&file)?;
    output.result(&file, || text)
}
