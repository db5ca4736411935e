//! `salus access-log`: an organisation's whole log of who looked, exported by its operator and checked by anyone against the
//! heads on the ledger.
//!
//! The file names patients and staff: it is for auditors who may see that. Its first line has the proofs, every line after
//! it is an entry, byte for byte.

use crate::node::ops::Client;
use crate::output::Output;
use crate::verify::Trust;
use anyhow::{Context as _, ensure};
use salus_verifier::{LogAudit, LogHead, VerifiedLog};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Longest line: the head, with some kilobytes for each anchor.
const LINE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Export an organisation's log of who looked, or check one against the ledger.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Write the log of a running node to a file. It names patients and staff.
    Export {
        /// Folder of the node.
        #[arg(long)]
        home: PathBuf,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Check an exported log, without any network: that no entry is missing, changed, moved or added later.
    Check {
        /// The file.
        log: PathBuf,
        #[command(flatten)]
        trust: Trust,
    },
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    match &arguments.command {
        Command::Export { home, out } => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let entries = runtime.block_on(export(home, out))?;
            let written = out.display().to_string();
            output.result(&serde_json::json!({ "written": written, "entries": entries }), || {
                format!("{entries} entries written to `{written}`. It names patients and staff.")
            })
        }
        Command::Check { log, trust } => {
            let checked = check(log, trust).context("the log does not hold")?;
            output.result(&checked, || words(&checked))
        }
    }
}

/// The head comes last and stands first: the lines wait in a file beside.
async fn export(home: &Path, out: &Path) -> anyhow::Result<u64> {
    let client = Client::new(home);
    let beside = out.with_extension("part");
    let exported = write(&client, out, &beside).await;
    // It may name patients, and nobody asked for it.
    let _ = fs::remove_file(&beside);
    exported
}

async fn write(client: &Client, out: &Path, beside: &Path) -> anyhow::Result<u64> {
    let mut lines = BufWriter::new(private(beside)?);
    let mut entries = 0;
    let head = loop {
        let page = client.access_log(entries).await?;
        entries += page.lines.len() as u64;
        for line in &page.lines {
            lines.write_all(line.as_bytes())?;
            lines.write_all(b"\n")?;
        }
        if let Some(head) = page.head {
            break head;
        }
        ensure!(!page.lines.is_empty(), "the node gave an empty page");
    };
    lines.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    let mut file = private(out)?;
    serde_json::to_writer(&file, &head)?;
    file.write_all(b"\n")?;
    io::copy(&mut File::open(beside)?, &mut file)?;
    file.sync_all()?;
    Ok(entries)
}

fn private(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.with_context(|| format!("cannot write `{}`", path.display()))
}

fn check(path: &Path, trust: &Trust) -> anyhow::Result<VerifiedLog> {
    let mut validators = trust.read()?.validators;
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    ensure!(next(&mut lines, &mut line)?, "the file is empty");
    let head: LogHead = serde_json::from_slice(&line).context("the first line is no head of a log")?;
    let mut audit = LogAudit::begin(&mut validators, &head)?;
    while next(&mut lines, &mut line)? {
        audit.line(&line)?;
    }
    Ok(audit.finish()?)
}

/// The next line without its end; false if there is none.
fn next(lines: &mut BufReader<File>, line: &mut Vec<u8>) -> anyhow::Result<bool> {
    line.clear();
    let read = io::Read::take(io::Read::by_ref(lines), LINE_BYTES_MAX).read_until(b'\n', line)?;
    line.pop_if(|byte| *byte == b'\n');
    Ok(read > 0)
}

fn words(checked: &VerifiedLog) -> String {
    let VerifiedLog { entries, anchored, anchors, height } = checked;
    let rest = match entries - anchored {
        0 => "None came after that.".to_owned(),
        1 => "One came after that, and rests on the organisation's word until the next anchor.".to_owned(),
        more => format!("{more} came after that, and rest on the organisation's word until the next anchor."),
    };
    format!(
        "Verified: {anchored} entries, none missing, changed or moved, in the log and in those of every member of staff, \
         system and patient.\nThe network's organisations vouch for {anchors} heads of it, by block {height}. {rest}"
    )
}
