//! The whole record as a folder: FHIR for other programs, the proof of every record, the signed lists of who looked.

use super::records::newest;
use super::{Session, accounting};
use crate::keys::write_private;
use crate::output::Output;
use anyhow::Context as _;
use salus_types::OrganisationId;
use salus_verifier::ProofFile;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub(super) async fn save(session: &mut Session, out: &Path, output: Output) -> anyhow::Result<()> {
    fs::create_dir(out).with_context(|| format!("cannot make the folder `{}`", out.display()))?;
    let records = newest(session.records().await?);
    let mut texts: BTreeMap<&OrganisationId, Vec<&str>> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        let file = ProofFile::of(&record.proof, &session.members.handovers, Some(record.text.clone()));
        let name = format!("{:05}-{}.json", at + 1, plain(&record.name()));
        write(out, &["proofs", record.source.as_str(), &name], &serde_json::to_vec_pretty(&file)?)?;
        texts.entry(&record.source).or_default().push(&record.text);
    }
    let all: Vec<&str> = records.iter().map(|record| record.text.as_str()).collect();
    write(out, &["fhir", "all.json"], bundle(&all).as_bytes())?;
    for (source, texts) in &texts {
        write(out, &["fhir", &format!("{source}.json")], bundle(texts).as_bytes())?;
    }
    let mut silent = Vec::new();
    for source in session.sources()? {
        match accounting::fetch(session, &source.id, None).await {
            Ok(list) => {
                let name = format!("{}.json", source.id);
                write(out, &["who-looked", &name], &serde_json::to_vec_pretty(&list)?)?;
            }
            Err(_) => silent.push(source.id.to_string()),
        }
    }
    let (count, written) = (records.len(), out.display().to_string());
    output.result(&json!({ "written": written, "records": count, "silent": silent }), || {
        let missing = match silent.is_empty() {
            true => String::new(),
            false => format!(" No signed list came from {}.", silent.join(", ")),
        };
        format!(
            "{count} records written to `{written}`.{missing} It is not locked: keep it safe.\n\
             `salus verify {written}/proofs --genesis FILE` checks them all."
        )
    })
}

/// The texts as they were signed for, byte for byte.
fn bundle(texts: &[&str]) -> String {
    let entries: Vec<String> = texts.iter().map(|text| format!("\n{{\"resource\":{text}}}")).collect();
    format!("{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{}\n]}}\n", entries.join(","))
}

/// Only letters that every system takes in a file's name.
fn plain(name: &str) -> String {
    let fits = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    name.chars().take(100).map(fits).collect()
}

fn write(out: &Path, parts: &[&str], bytes: &[u8]) -> anyhow::Result<()> {
    let path = parts.iter().fold(out.to_owned(), |path, part| path.join(part));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    write_private(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}
