//! `salus`: the one binary. A module per subcommand; each prints for people, and JSON with `--json`.

mod access_log;
mod assets;
mod audit;
mod backup;
mod bench;
mod client;
mod clock;
mod demo;
mod demo_data;
mod doctor;
mod feeds;
mod governance;
mod import;
mod keys;
mod members;
mod network;
mod node;
mod output;
mod patient;
mod prepare;
mod proof;
mod public_node;
mod status;
mod token;
mod verify;
mod witness;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A health record that follows the person, under the person's control, with proof.
#[derive(Parser)]
#[command(name = "salus", version, about, propagate_version = true)]
struct Arguments {
    /// Print JSON instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the node of one organisation.
    Node(node::Arguments),
    /// Make the folder of a new organisation's node.
    Prepare(prepare::Arguments),
    /// Run a network of four organisations on this machine, with demo patients.
    Demo(demo::Arguments),
    /// Act as a patient: records, grants, log, lists, requests, recovery, proofs.
    Patient(patient::Arguments),
    /// Get a bearer token for an organisation's FHIR API.
    Token(token::Arguments),
    /// Have a node read records in from NDJSON files, and follow it.
    Import(import::Arguments),
    /// Show the state of the nodes of a demo network.
    Status(status::Arguments),
    /// Look a node over, up or down: what is wrong, and what to do. Exit status 0 (fine), 1 (warnings), 2 (failures).
    Doctor(doctor::Arguments),
    /// See how the network is governed, propose changes, vote.
    Governance(governance::Arguments),
    /// See how feeds are doing, and what could not be filed: try it again, or discard it.
    Feeds(feeds::Arguments),
    /// Measure a network of four nodes on this machine.
    Bench(Box<bench::Arguments>),
    /// Compare what custodians released with the access events on the ledger. Exit status 0 (they match), 1, 2.
    Audit(audit::Arguments),
    /// Export an organisation's log of who looked, or check one against the ledger.
    AccessLog(access_log::Arguments),
    /// Seal the organisation's keys, change by what they open, show the public ones.
    Keys(keys::Arguments),
    /// Back a node up into one sealed file, while it runs or is stopped; or check such a file.
    Backup(backup::Arguments),
    /// Make a node's folder from a backup, and check it.
    Restore(backup::RestoreArguments),
    /// Get a proof of what the ledger holds, or a checkpoint.
    Proof(proof::Arguments),
    /// Check a proof against a genesis or a checkpoint, without any network.
    Verify(verify::Arguments),
    /// Keep a network's headers, sign checkpoints, cry out if it shows two histories.
    Witness(witness::Arguments),
}

/// Exit status when the key store stays locked (`EX_CONFIG` of sysexits.h): nothing is won by trying again, and a token
/// counts wrong PINs. The systemd unit names it.
const LOCKED: u8 = 78;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = output::Output::new(arguments.json);
    let outcome = run(arguments.command, output);
    match outcome {
        Ok(status) => status,
        Err(error) => {
            output.error(&error);
            if error.is::<keys::Locked>() { ExitCode::from(LOCKED) } else { ExitCode::FAILURE }
        }
    }
}

fn run(command: Command, output: output::Output) -> anyhow::Result<ExitCode> {
    match command {
        Command::Node(arguments) => node::run(arguments),
        Command::Prepare(arguments) => prepare::run(arguments, output),
        Command::Demo(arguments) => demo::run(arguments, output),
        Command::Patient(arguments) => patient::run(arguments, output),
        Command::Token(arguments) => token::run(arguments, output),
        Command::Import(arguments) => return import::run(&arguments, output),
        Command::Status(arguments) => status::run(arguments, output),
        Command::Governance(arguments) => governance::run(&arguments, output),
        Command::Feeds(arguments) => feeds::run(&arguments, output),
        Command::Bench(arguments) => bench::run(&arguments, output),
        Command::AccessLog(arguments) => access_log::run(&arguments, output),
        Command::Keys(arguments) => keys::run(arguments, output),
        Command::Backup(arguments) => backup::run(arguments, output),
        Command::Restore(arguments) => backup::restore(arguments, output),
        Command::Proof(arguments) => proof::run(&arguments, output),
        Command::Verify(arguments) => verify::run(&arguments, output),
        Command::Witness(arguments) => witness::run(&arguments, output),
        Command::Audit(arguments) => return audit::run(&arguments, output),
        Command::Doctor(arguments) => return doctor::run(&arguments, output),
    }?;
    Ok(ExitCode::SUCCESS)
}
