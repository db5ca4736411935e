//! What the person asks of organisations by their rights: a correction, that a record is not used, that it is erased.

use super::Session;
use crate::clock::words;
use crate::output::Output;
use anyhow::{Context as _, bail};
use salus_types::OrganisationId;
use salus_types::category::Category;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

#[derive(clap::Subcommand)]
pub(super) enum Request {
    /// All requests, at all organisations.
    List,
    /// One request, with everything that was answered.
    Show {
        #[command(flatten)]
        case: Case,
    },
    /// Ask that a record be corrected.
    Correct {
        /// The organisation that keeps it.
        #[arg(long)]
        at: OrganisationId,
        /// The record with its version, as `Type/ID/VERSION`.
        record: String,
        /// What is wrong.
        #[arg(long)]
        wrong: String,
        /// What would be right.
        #[arg(long)]
        right: String,
    },
    /// Ask that the own record be kept and not used.
    Restrict {
        /// The organisation that keeps it.
        #[arg(long)]
        at: OrganisationId,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Ask that records be erased.
    Erase {
        /// The organisation that keeps them.
        #[arg(long)]
        at: OrganisationId,
        #[command(flatten)]
        what: Erased,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Take a request back that waits for an answer.
    Withdraw {
        #[command(flatten)]
        case: Case,
    },
    /// End a restriction that holds.
    Lift {
        #[command(flatten)]
        case: Case,
    },
    /// Say why a refusal is wrong, once.
    Disagree {
        #[command(flatten)]
        case: Case,
        /// The statement.
        #[arg(long)]
        statement: String,
    },
    /// Save what shows anyone that records were erased; `salus verify` checks it.
    Dossier {
        #[command(flatten)]
        case: Case,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
    },
}

/// A request.
#[derive(clap::Args)]
pub(super) struct Case {
    /// The organisation that was asked.
    #[arg(long)]
    at: OrganisationId,
    /// The request, as `list` prints it.
    case: String,
}

/// What is to be erased.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Erased {
    /// One record, as `Type/ID`.
    #[arg(long)]
    record: Option<String>,
    /// A category, such as `labs`.
    #[arg(long)]
    category: Option<Category>,
    /// Everything that is kept there.
    #[arg(long)]
    everything: bool,
}

impl Erased {
    fn scope(&self) -> anyhow::Result<Value> {
        if let Some(record) = &self.record {
            let (kind, id) = record.split_once('/').context("name the record as `Type/ID`")?;
            return Ok(json!({ "of": "record", "record": { "type": kind, "id": id } }));
        }
        Ok(match self.category {
            Some(category) => json!({ "of": "category", "category": category }),
            None => json!({ "of": "everything" }),
        })
    }
}

pub(super) async fn run(session: &Session, request: Request, output: Output) -> anyhow::Result<()> {
    let (at, ask) = match request {
        Request::List => return list(session, output).await,
        Request::Show { case } => {
            let answer = session.write_to(&session.at(&case.at)?, &json!({ "ask": "list" })).await?;
            return show(&case.at, &find(&answer, &case.case)?, output);
        }
        Request::Dossier { case, out } => return dossier(session, &case, &out, output).await,
        Request::Correct { at, record, wrong, right } => {
            let record = versioned(&record)?;
            (at, json!({ "ask": "amend", "record": record, "wrong": wrong, "right": right }))
        }
        Request::Restrict { at, reason } => (at, json!({ "ask": "restrict", "reason": reason })),
        Request::Erase { at, what, reason } => {
            (at, json!({ "ask": "erase", "scope": what.scope()?, "reason": reason }))
        }
        Request::Withdraw { case } => (case.at, json!({ "ask": "withdraw", "case": case.case })),
        Request::Lift { case } => (case.at, json!({ "ask": "lift", "case": case.case })),
        Request::Disagree { case, statement } => {
            (case.at, json!({ "ask": "disagree", "case": case.case, "statement": statement }))
        }
    };
    let answer = session.write_to(&session.at(&at)?, &ask).await?;
    let named = ask["case"].as_str();
    let case = match named {
        Some(named) => find(&answer, named)?,
        // What was just asked for is the newest.
        None => answer["cases"].get(0).cloned().context("the organisation kept no request")?,
    };
    show(&at, &case, output)
}

fn versioned(record: &str) -> anyhow::Result<Value> {
    let parts: Vec<&str> = record.split('/').collect();
    let [kind, id, version] = parts[..] else { bail!("name the record as `Type/ID/VERSION`") };
    Ok(json!({ "type": kind, "id": id, "version": version }))
}

fn find(answer: &Value, case: &str) -> anyhow::Result<Value> {
    let mut cases = answer["cases"].as_array().into_iter().flatten();
    let found = cases.find(|known| known["id"] == case).cloned();
    found.context("there is no such request")
}

async fn list(session: &Session, output: Output) -> anyhow::Result<()> {
    let (mut cases, mut silent) = (Vec::new(), Vec::new());
    for source in session.sources()? {
        match session.write_to(&source, &json!({ "ask": "list" })).await {
            Ok(answer) => {
                let listed = answer["cases"].as_array().cloned().unwrap_or_default();
                cases.extend(listed.into_iter().map(|case| with_place(&source.id, case)));
            }
            Err(_) => silent.push(source.id),
        }
    }
    output.result(&json!({ "cases": cases, "silent": silent }), || {
        let mut lines: Vec<String> = cases.iter().map(line).collect();
        if lines.is_empty() {
            lines.push("No requests yet.".to_owned());
        }
        lines.extend(silent.iter().map(|id| format!("`{id}` did not answer; its requests are not here.")));
        lines.join("\n")
    })
}

fn with_place(organisation: &OrganisationId, mut case: Value) -> Value {
    case["organisation"] = json!(organisation);
    case
}

fn show(organisation: &OrganisationId, case: &Value, output: Output) -> anyhow::Result<()> {
    let case = with_place(organisation, case.clone());
    output.result(&case, || {
        let mut lines = vec![line(&case)];
        let said = [
            ("reason", "Asked because"),
            ("wrong", "Wrong"),
            ("right", "Right"),
            ("disagreement", "Disagreement"),
        ];
        for (field, title) in said {
            lines.extend(case[field].as_str().map(|text| format!("  {title}: {text}")));
        }
        lines.extend(case["answer"]["words"].as_str().map(|text| format!("  Answer: {text}")));
        let erasure = &case["erasure"];
        if erasure.is_object() {
            let receipts = erasure["receipts"].as_array().map_or(&[][..], Vec::as_slice);
            let signed = receipts.iter().filter(|receipt| receipt["timeMs"].is_u64()).count();
            lines.push(format!(
                "  Erasure: {} records, {} kept; signed that nothing is left: {signed} of {} members",
                erasure["records"],
                erasure["keptCount"],
                receipts.len()
            ));
        }
        lines.join("\n")
    })
}

fn line(case: &Value) -> String {
    let text = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
    let received = words(case["receivedMs"].as_u64().unwrap_or_default());
    let (at, kind, state) = (text("organisation"), text("kind"), text("state"));
    format!("{received}  {at:<13} {kind:<11} {state:<9} {}", text("id"))
}

async fn dossier(session: &Session, case: &Case, out: &PathBuf, output: Output) -> anyhow::Result<()> {
    let ask = json!({ "ask": "dossier", "case": case.case });
    let answer = session.write_to(&session.at(&case.at)?, &ask).await?;
    let file = serde_json::to_vec_pretty(&answer["dossier"])?;
    fs::write(out, file).with_context(|| format!("cannot write `{}`", out.display()))?;
    let written = out.display().to_string();
    output.result(&json!({ "written": written }), || {
        format!("Written to `{written}`. `salus verify {written} --genesis FILE` checks it.")
    })
}
