//! `salus prepare`: the folder of a node that is to join a network: new keys, and a `node.json` to look through.

use crate::keys::{NewLock, Unlock};
use crate::network::{GENESIS_FILE, NodeFile, Ports, create_home, read_genesis};
use crate::output::Output;
use anyhow::{Context as _, ensure};
use salus_types::OrganisationId;
use std::fs;
use std::path::PathBuf;

/// Make the folder of a new organisation's node: keys and `node.json`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder to make.
    #[arg(long)]
    home: PathBuf,
    /// Short name of the organisation, 1 to 32 of a-z, 0-9 and -.
    #[arg(long)]
    organisation: OrganisationId,
    /// The network's genesis; a copy is kept in the folder.
    #[arg(long)]
    genesis: PathBuf,
    /// First of three ports: the public routes, other nodes, the ledger.
    #[arg(long, default_value_t = 7000)]
    base_port: u16,
    /// Where the outside reaches the public routes.
    #[arg(long)]
    public_url: Option<String>,
    /// The organisation keeps clinical records.
    #[arg(long)]
    clinical: bool,
    /// Plain HTTP on `localhost`, and keys in the clear unless --lock seals them: for trying out only.
    #[arg(long)]
    demo: bool,
    /// Leave the keys in the clear, readable by the node's user alone: disk encryption, or another control of yours,
    /// has to protect them.
    #[arg(long, conflicts_with = "lock")]
    clear_keys: bool,
    #[command(flatten)]
    new_lock: NewLock,
    #[command(flatten)]
    unlock: Unlock,
}

pub(crate) fn run(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let Arguments { home, organisation, genesis, base_port, public_url, clinical, demo, .. } = arguments;
    let lock = arguments.new_lock.asked(&arguments.unlock);
    let clear_keys = lock.is_none() && (arguments.clear_keys || demo);
    ensure!(
        lock.is_some() || clear_keys,
        "say by what the keys are to open: --lock passphrase, key or token; or --clear-keys"
    );
    ensure!(!home.exists(), "`{}` is there already", home.display());
    let network = read_genesis(&genesis)?;
    let mut file = NodeFile {
        clinical,
        demo_http: demo,
        clear_keys,
        ..NodeFile::local(organisation, GENESIS_FILE.into(), Ports::of(base_port, 0)?)
    };
    if let Some(url) = public_url {
        file.public_url = url;
    }
    create_home(&home, &file, lock)?;
    fs::copy(&genesis, home.join(GENESIS_FILE)).context("cannot copy the genesis")?;
    let shown = serde_json::json!({ "home": home, "network": network.network(), "node": file });
    output.result(&shown, || {
        format!(
            "Made `{}` for {} in the network {}.\nLook through its node.json, then write the application: salus \
             governance --home {0} application --name .. --class ..",
            home.display(),
            file.organisation,
            network.name.as_str(),
        )
    })
}
