//! `salus governance application`: the organisation as it wants to be a member, signed by its node key.
//!
//! Of an organisation that is a member, everything stays as it is on the ledger but the keys, which are those of the key
//! file, and what the options name. Of one that is none, the addresses are those of `node.json` unless options name
//! others; it needs no running node.

use crate::keys::{NodeKeys, Unlock};
use crate::network::{CONFIG_FILE, NodeFile, read_genesis};
use crate::node::ops::Client;
use crate::output::Output;
use anyhow::{Context as _, bail, ensure};
use salus_crypto::hash::sha256;
use salus_types::governance::accept;
use salus_types::organisation::{Class, Organisation};
use salus_types::{Bounded, Text};
use salus_verifier::{Application, ApplicationFile};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Write what this organisation wants to be as a member, signed by its node key, for others to put to the vote.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file to write.
    #[arg(long, default_value = "application.json")]
    out: PathBuf,
    /// The key file; by default that of the node's folder. Name another one to change keys.
    #[arg(long)]
    keys: Option<PathBuf>,
    /// Name shown to people.
    #[arg(long)]
    name: Option<String>,
    /// Class; of a new member only.
    #[arg(long)]
    class: Option<Class>,
    /// Keep sealed packages and shares of others; of a new member only.
    #[arg(long)]
    custodian: bool,
    /// `host:port` where the node takes part in the ledger's network.
    #[arg(long)]
    ledger_address: Option<String>,
    /// `https://host:port` where the node answers other nodes.
    #[arg(long)]
    peer_url: Option<String>,
    /// URL of the portal.
    #[arg(long)]
    portal_url: Option<String>,
    #[command(flatten)]
    unlock: Unlock,
}

pub(super) async fn run(
    arguments: &Arguments,
    home: &Path,
    node: &Client,
    output: Output,
) -> anyhow::Result<()> {
    let file: NodeFile =
        serde_json::from_str(&super::read(&home.join(CONFIG_FILE))?).context("`node.json`")?;
    let network = read_genesis(&home.join(&file.genesis))?.network();
    let keys = match &arguments.keys {
        Some(path) => NodeKeys::open_file(path, &file, &arguments.unlock)?,
        None => NodeKeys::open(home, &file, &arguments.unlock)?,
    };
    let begun = match node.membership().await {
        Ok(Some(member)) => of_member(arguments, member)?,
        Ok(None) => new_member(arguments, &file, &keys)?,
        // A node that does not run knows of no membership; what a new member must say shows that it is one.
        Err(error) if arguments.class.is_none() => {
            return Err(error.context("a new member names --name and --class; a member's node must run"));
        }
        Err(_) => new_member(arguments, &file, &keys)?,
    };
    let organisation = with_keys(begun, &keys)?;
    reachable(organisation.ledger_address.as_str(), organisation.peer_url.as_str())?;
    let acceptance = accept(&network, &organisation, &keys.node);
    let application = ApplicationFile::of(&Application { organisation, acceptance });
    let path = arguments.out.display().to_string();
    fs::write(&arguments.out, serde_json::to_string_pretty(&application)?)
        .with_context(|| format!("cannot write `{path}`"))?;
    let shown = json!({ "written": path, "organisation": application.organisation });
    output.result(&shown, || {
        format!(
            "Written to `{path}`. A member puts it to the vote with `salus governance propose`.\nNode key: {}",
            application.organisation.node_key
        )
    })
}

fn of_member(arguments: &Arguments, mut member: Organisation) -> anyhow::Result<Organisation> {
    if arguments.class.is_some() || arguments.custodian {
        bail!("a member's class and duties are not in its application: propose `class` or `duties`");
    }
    if let Some(name) = &arguments.name {
        member.name = Text::new(name)?;
    }
    if let Some(address) = &arguments.ledger_address {
        member.ledger_address = Text::new(address)?;
    }
    if let Some(url) = &arguments.peer_url {
        member.peer_url = Text::new(url)?;
    }
    if let Some(url) = &arguments.portal_url {
        member.portal_url = Text::new(url)?;
    }
    Ok(member)
}

fn new_member(arguments: &Arguments, file: &NodeFile, keys: &NodeKeys) -> anyhow::Result<Organisation> {
    let class = arguments.class.context("a new member names its --class")?;
    let text = |option: &Option<String>, otherwise: String| option.clone().unwrap_or(otherwise);
    Ok(Organisation {
        id: file.organisation.clone(),
        name: Text::new(arguments.name.clone().context("a new member gives its --name")?)?,
        class,
        // A seat comes later, by another vote.
        validator: false,
        custodian: arguments.custodian,
        node_key: keys.node.public(),
        kem_key: Bounded::default(),
        tls_certificate: sha256(&keys.tls.certificate),
        ledger_address: Text::new(text(&arguments.ledger_address, file.ledger.clone()))?,
        peer_url: Text::new(text(&arguments.peer_url, format!("https://{}", file.peer)))?,
        portal_url: Text::new(text(&arguments.portal_url, file.public_url.clone()))?,
    })
}

fn with_keys(organisation: Organisation, keys: &NodeKeys) -> anyhow::Result<Organisation> {
    Ok(Organisation {
        node_key: keys.node.public(),
        kem_key: Bounded::new(keys.kem.public().0.to_vec())?,
        tls_certificate: sha256(&keys.tls.certificate),
        ..organisation
    })
}

/// What a node listens on may be no address that others can use.
pub(super) fn reachable(ledger_address: &str, peer_url: &str) -> anyhow::Result<()> {
    for (option, address) in [("--ledger-address", ledger_address), ("--peer-url", peer_url)] {
        let host = address.trim_start_matches("https://");
        let listens_only = host.starts_with("0.0.0.0:") || host.starts_with("[::]:");
        ensure!(!listens_only, "nobody reaches a node at `{address}`: give {option}");
    }
    ensure!(peer_url.starts_with("https://"), "--peer-url begins with `https://`");
    Ok(())
}
