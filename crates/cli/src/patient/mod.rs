//! `salus patient`: what a patient's device does, for people and scripts without a browser.
//!
//! The key file holds the root, from which every key is derived; whoever has it is the patient.

mod accounting;
mod anchors;
mod download;
mod emergencies;
mod grants;
mod guardian;
mod letters;
mod log;
mod numbers;
mod proof;
mod proxies;
pub(crate) mod records;
mod recovering;
pub(crate) mod recovery;
pub(crate) mod relay;
mod requests;

use crate::demo::report::Report;
use crate::keys::write_private;
use crate::members::Members;
use crate::network;
use crate::output::Output;
use crate::public_node::PublicNode;
use anyhow::{Context as _, bail};
use relay::Relay;
use salus_crypto::Secret32;
use salus_types::category::Purpose;
use salus_types::{AppointmentId, GrantId, OrganisationId, RecoveryId};
use salus_vault::patient::Root;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Act as a patient: records, grants, log, lists, requests, recovery, proofs.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of the demo network.
    #[arg(long, default_value = crate::demo::FOLDER_DEFAULT)]
    demo: PathBuf,
    /// The patient's key file.
    #[arg(long)]
    key: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the records of all organisations, each checked against its proof.
    Records,
    /// Let an organisation read.
    Grant {
        /// Who may read.
        #[arg(long)]
        to: String,
        /// Categories, comma-separated, or `all` (which leaves out the protected ones).
        #[arg(long)]
        categories: String,
        /// For which purpose.
        #[arg(long, default_value = "treatment")]
        purpose: Purpose,
        /// For how many days from now.
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
    /// End a grant.
    Revoke {
        /// The grant, as `grant` or `grants` print it.
        grant: GrantId,
    },
    /// List the grants.
    Grants,
    /// Show who looked at the records, when and why, and whether an entry is missing.
    Log,
    /// Save a signed list of who looked at the records of one organisation.
    Accounting {
        /// The organisation.
        #[arg(long)]
        at: OrganisationId,
        /// Only what is older than the entry with this number.
        #[arg(long)]
        before: Option<u64>,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Save the whole record into a new folder: FHIR, proofs, and signed lists of who looked.
    Download {
        /// The folder to make.
        #[arg(long)]
        out: PathBuf,
    },
    /// Show in which emergencies a summary was opened, by whom, and whether somebody looked at it again.
    Emergencies,
    /// Ask an organisation to correct, restrict or erase; see what became of it.
    Requests {
        #[command(subcommand)]
        request: requests::Request,
    },
    /// Show whether somebody tries to recover this record, or cancel that.
    Recovery {
        /// Cancel this one.
        #[arg(long)]
        cancel: Option<RecoveryId>,
    },
    /// Make keys with which to act for somebody, and write them into a file for that person.
    OfferToAct {
        /// The file to write: public keys alone.
        #[arg(long)]
        out: PathBuf,
    },
    /// Let somebody act for you, who has given you a file of `offer-to-act`.
    Appoint {
        /// The file.
        #[arg(long)]
        offer: PathBuf,
        /// Categories that may be seen, comma-separated, or `all` (which leaves out the protected ones).
        #[arg(long)]
        categories: String,
        /// For how many days from now; it ends with the last whole week before.
        #[arg(long, default_value_t = 90)]
        days: u32,
        /// Whether sharing is allowed.
        #[arg(long)]
        share: bool,
        /// Whether asking for corrections and restrictions is allowed.
        #[arg(long)]
        ask: bool,
        /// The file of mandates to write, for who acts.
        #[arg(long)]
        out: PathBuf,
    },
    /// List whom you let act for you, and everything that was done.
    Appointments,
    /// End that somebody acts for you.
    EndAppointment {
        /// The appointment, as `appointments` prints it.
        appointment: AppointmentId,
    },
    /// Act for a child with a code that an organisation's desk gave you.
    ActForChild {
        /// The code: `ORGANISATION.CODE`.
        code: String,
        /// The file of mandates to write. If it is there, the code is for the same child: the organisations in it can be let
        /// read from one another.
        #[arg(long)]
        mandates: PathBuf,
    },
    /// Act for somebody who gave you mandates.
    ActFor {
        /// The file of mandates that `appoint` wrote.
        #[arg(long)]
        mandates: PathBuf,
        #[command(subcommand)]
        act: proxies::ActCommand,
    },
    /// Get the proof of a record.
    Proof {
        /// The record, as `records` prints it: `Type/ID`.
        record: String,
    },
}

/// A patient's key file.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyFile {
    /// Name, to tell key files apart.
    pub(crate) name: String,
    /// The root in hexadecimal digits.
    root: String,
    /// `Patient/ID` at each organisation where the person is enrolled.
    pub(crate) at: BTreeMap<String, String>,
    /// The highest number seen in each organisation's list of who looked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    seen: BTreeMap<String, u64>,
}

impl KeyFile {
    /// A new root.
    pub(crate) fn generate(name: &str) -> Self {
        let root = hex::encode(Secret32::random().expose());
        Self { name: name.to_owned(), root, at: BTreeMap::new(), seen: BTreeMap::new() }
    }

    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("`{}` is no key file", path.display()))
    }

    /// Writes the highest numbers seen into a key file; none becomes lower. Two programs at a time may lose the other's.
    fn remember_seen(path: &Path, seen: &BTreeMap<String, u64>) -> anyhow::Result<()> {
        let mut file = Self::read(path)?;
        let before = file.seen.clone();
        for (organisation, number) in seen.iter().filter(|(_, number)| **number > 0) {
            let known = file.seen.entry(organisation.clone()).or_default();
            *known = (*known).max(*number);
        }
        if file.seen == before {
            return Ok(());
        }
        // Never half of it: whoever loses the root loses the record.
        let (text, beside) = (serde_json::to_string_pretty(&file)?, path.with_extension("part"));
        let _ = fs::remove_file(&beside);
        write_private(&beside, text.as_bytes())?;
        Ok(fs::rename(&beside, path)?)
    }

    pub(crate) fn secret(&self) -> anyhow::Result<Secret32> {
        let mut root = [0; 32];
        hex::decode_to_slice(&self.root, &mut root).context("the key file's root is malformed")?;
        Ok(Secret32::from_bytes(&root))
    }

    pub(crate) fn root(&self) -> anyhow::Result<Root> {
        Ok(Root::from_bytes(self.secret()?.expose()))
    }
}

/// What every subcommand works with.
pub(crate) struct Session {
    members: Members,
    pub(crate) file: KeyFile,
    root: Root,
    relay: Relay,
    node: PublicNode,
}

impl Session {
    /// Works through the first portal that answers: any node's portal serves any patient.
    pub(crate) async fn open(report: &Report, file: KeyFile) -> anyhow::Result<Self> {
        let genesis = network::read_genesis(&report.genesis)?;
        for organisation in &report.organisations {
            let relay = Relay::new(&organisation.portal)?;
            if relay.head().await.is_ok() {
                let node = PublicNode::new(&organisation.portal)?;
                let members = Members::fetch(&node, &genesis).await?;
                return Ok(Self { root: file.root()?, relay, node, members, file });
            }
        }
        bail!("no portal of the network answers")
    }
}

pub(crate) fn run(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = Report::read(&arguments.demo)?;
    let file = KeyFile::read(&arguments.key)?;
    runtime.block_on(async {
        let mut session = Session::open(&report, file).await?;
        match arguments.command {
            Command::Records => records::print(&mut session, output).await,
            Command::Grant { to, categories, purpose, days } => {
                grants::grant(&session, &to, &categories, purpose, days, output).await
            }
            Command::Revoke { grant } => grants::revoke(&session, grant, output).await,
            Command::Grants => grants::print(&session, output).await,
            Command::Log => log::print(&session, &arguments.key, output).await,
            Command::Accounting { at, before, out } => {
                accounting::save(&session, &at, before, &out, output).await
            }
            Command::Download { out } => download::save(&mut session, &out, output).await,
            Command::Emergencies => emergencies::print(&session, output).await,
            Command::Requests { request } => requests::run(&session, request, output).await,
            Command::Recovery { cancel: None } => recovering::print(&session, output).await,
            Command::Recovery { cancel: Some(id) } => recovering::cancel(&session, id, output).await,
            Command::OfferToAct { out } => proxies::offer(&session, &out, output),
            Command::Appoint { offer, categories, days, share, ask, out } => {
                let wish =
                    proxies::Wish { categories: grants::parse_categories(&categories)?, days, share, ask };
                proxies::appoint(&session, &offer, &wish, &out, output).await
            }
            Command::Appointments => proxies::print(&session, output).await,
            Command::EndAppointment { appointment } => proxies::end(&session, appointment, output).await,
            Command::ActForChild { code, mandates } => {
                guardian::begin(&session, &code, &mandates, output).await
            }
            Command::ActFor { mandates, act } => proxies::act(&mut session, &mandates, act, output).await,
            Command::Proof { record } => proof::print(&mut session, &record, output).await,
        }
    })
}
