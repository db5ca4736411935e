//! `salus verify`: checks a proof with nothing but the genesis, or a checkpoint.

mod accounting;
mod folder;

use crate::network::read_genesis;
use crate::output::Output;
use anyhow::Context as _;
use salus_types::erasure::ErasureGround;
use salus_types::genesis::Genesis;
use salus_verifier::{
    AnyProofFile, CheckpointFile, EntryFile, ErasureFile, Found, ProofFile, Validators, VerifiedEntry,
    VerifiedErasure, verify_entry, verify_erasure, verify_record,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Check a proof against a genesis or a checkpoint, without any network.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The proof, as a node, `salus patient proof` or `salus proof` gave it; or a folder of proofs.
    proof: PathBuf,
    #[command(flatten)]
    trust: Trust,
    /// The record's exact text, where the proof does not hold it.
    #[arg(long)]
    resource: Option<PathBuf>,
}

/// With what trust begins.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Trust {
    /// The genesis of the network that the proof is from.
    #[arg(long)]
    genesis: Option<PathBuf>,
    /// A checkpoint of the network, by somebody whom you trust: blocks of its epoch and later ones can be verified.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
}

/// Whom the verifier believes, before any handover.
pub(crate) struct Anchor {
    pub(crate) validators: Validators,
    genesis: Option<Genesis>,
}

impl Trust {
    pub(crate) fn read(&self) -> anyhow::Result<Anchor> {
        if let Some(path) = &self.genesis {
            let genesis = read_genesis(path)?;
            return Ok(Anchor { validators: Validators::of_genesis(&genesis), genesis: Some(genesis) });
        }
        let path = self.checkpoint.as_ref().context("give --genesis or --checkpoint")?;
        let checkpoint =
            CheckpointFile::parse(&read(path)?).with_context(|| format!("`{}`", path.display()))?;
        Ok(Anchor { validators: Validators::of_checkpoint(&checkpoint)?, genesis: None })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    verified: bool,
    organisation: String,
    /// Of the block in which it anchored the record.
    height: u64,
    time_ms: u64,
    /// Of the block whose certificate vouches for that.
    certified_height: u64,
    record_digest: String,
    text_checked: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    verified: bool,
    kind: &'static str,
    id: String,
    height: u64,
    time_ms: u64,
    /// What stood there; `null` if nothing did.
    found: Value,
    /// The same in a sentence.
    says: String,
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    if arguments.proof.is_dir() {
        anyhow::ensure!(arguments.resource.is_none(), "--resource is for one proof");
        return folder::run(arguments, output);
    }
    let anchor = arguments.trust.read()?;
    match AnyProofFile::parse(&read(&arguments.proof)?)? {
        AnyProofFile::Record(file) => record(anchor, &file, arguments.resource.as_deref(), output),
        AnyProofFile::Entry(file) => entry(anchor, &file, output),
        AnyProofFile::Erasure(file) => erasure(anchor, &file, output),
        AnyProofFile::Accounting(file) => accounting::print(anchor, &file, output),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn record(
    mut anchor: Anchor,
    file: &ProofFile,
    resource: Option<&Path>,
    output: Output,
) -> anyhow::Result<()> {
    let text = resource.map(read).transpose()?;
    if text.is_some() && file.resource.is_some() && file.resource != text {
        anyhow::bail!("the record's text differs from the text in the proof");
    }
    let text = text.or_else(|| file.resource.clone());
    anchor.validators.extend(&file.handovers()?).context("the proof does not hold")?;
    let verified = verify_record(&anchor.validators, &file.proof()?, text.as_deref())
        .context("the proof does not hold")?;
    let known = anchor.genesis.as_ref().and_then(|genesis| genesis.organisation(&verified.source));
    let report = Record {
        verified: true,
        organisation: verified.source.to_string(),
        height: verified.height,
        time_ms: verified.time_ms,
        certified_height: verified.certified_height,
        record_digest: verified.plaintext_digest.to_string(),
        text_checked: text.is_some(),
    };
    output.result(&report, || {
        let checked = if report.text_checked {
            "The text in hand is, byte for byte, what was anchored."
        } else {
            "The proof holds no text: give it with --resource to compare it, too."
        };
        let source = &report.organisation;
        let named = known.map_or(String::new(), |known| format!(" ({} at genesis)", known.name.as_str()));
        format!(
            "Verified: `{source}`{named} anchored this record in block {}.\n\
             The network's organisations vouch for that by their certificate of block {}.\n{checked}",
            report.height, report.certified_height
        )
    })
}

fn entry(mut anchor: Anchor, file: &EntryFile, output: Output) -> anyhow::Result<()> {
    let (subject, proof) = (file.subject()?, file.proof()?);
    anchor.validators.extend(&file.handovers()?).context("the proof does not hold")?;
    let verified = verify_entry(&anchor.validators, &subject, &proof).context("the proof does not hold")?;
    let report = Entry {
        verified: true,
        kind: subject.kind(),
        id: subject.id().to_string(),
        height: verified.height,
        time_ms: verified.time_ms,
        found: found(&verified),
        says: verified.to_string(),
    };
    output.result(&report, || {
        format!("Verified: {}.\nThe network's organisations certified block {}.", report.says, report.height)
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Erasure {
    verified: bool,
    orders: Vec<Order>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    erasure: String,
    organisation: String,
    ground: ErasureGround,
    versions: u32,
    /// Of the block with the order.
    height: u64,
    time_ms: u64,
    receipts_due_ms: u64,
    /// Members that had signed, and those that had not.
    signed: Vec<Receipt>,
    missing: Vec<String>,
    /// Of the newest block that vouches for this.
    certified_height: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    organisation: String,
    versions: u32,
    copies: u32,
    late: bool,
    time_ms: u64,
}

fn erasure(mut anchor: Anchor, file: &ErasureFile, output: Output) -> anyhow::Result<()> {
    let mut orders = Vec::with_capacity(file.orders.len());
    for order in &file.orders {
        let verified = verify_erasure(&mut anchor.validators, order).context("the dossier does not hold")?;
        orders.push(order_of(&verified));
    }
    let report = Erasure { verified: true, orders };
    output.result(&report, || {
        let lines: Vec<_> = report.orders.iter().map(sentence).collect();
        format!("Verified: {} orders to erase.\n{}", lines.len(), lines.join("\n"))
    })
}

fn order_of(verified: &VerifiedErasure) -> Order {
    let (mut signed, mut missing) = (Vec::new(), Vec::new());
    for (organisation, receipt) in &verified.receipts {
        let organisation = organisation.to_string();
        match receipt {
            Some(entry) => signed.push(Receipt {
                organisation,
                versions: entry.versions,
                copies: entry.copies,
                late: entry.late,
                time_ms: entry.time_ms,
            }),
            None => missing.push(organisation),
        }
    }
    Order {
        erasure: verified.notice.erasure.to_string(),
        organisation: verified.order.organisation.to_string(),
        ground: verified.order.ground,
        versions: verified.order.count,
        height: verified.order.height,
        time_ms: verified.order.time_ms,
        receipts_due_ms: verified.order.receipts_due_ms,
        signed,
        missing,
        certified_height: verified.height,
    }
}

fn sentence(order: &Order) -> String {
    let names = |receipts: &[Receipt]| -> Vec<_> {
        receipts.iter().map(|receipt| format!("`{}`", receipt.organisation)).collect()
    };
    let missing = match order.missing.is_empty() {
        true => "Nobody's receipt is missing".to_owned(),
        false => format!("No receipt of {}", order.missing.join(", ")),
    };
    format!(
        "`{}` ordered in block {} that {} versions be erased ({}). Signed that nothing of them is left: {}. \
         {missing} at block {}.",
        order.organisation,
        order.height,
        order.versions,
        order.ground,
        names(&order.signed).join(", "),
        order.certified_height,
    )
}

fn found(verified: &VerifiedEntry) -> Value {
    match &verified.found {
        Found::Nothing => Value::Null,
        Found::Grant(grant) => json!({
            "height": grant.height,
            "expiryMs": grant.expiry_ms,
            "revoked": grant.revoked,
            "accesses": grant.accesses,
            "stands": grant.is_live(verified.time_ms),
        }),
        Found::Access(access) => json!({
            "grant": access.grant,
            "organisation": access.organisation,
            "purpose": access.purpose,
            "count": access.count,
            "practitioner": access.practitioner,
            "height": access.height,
            "timeMs": access.time_ms,
        }),
        Found::Member(entry) => json!({
            "organisation": entry.organisation.id,
            "name": entry.organisation.name,
            "class": entry.organisation.class,
            "validator": entry.organisation.validator,
            "custodian": entry.organisation.custodian,
            "since": entry.since,
        }),
        Found::Entry(value) => json!(hex::encode(&**value)),
    }
}
