//! `salus status`: how the nodes of a demo network are doing.

use crate::demo::report::{Organisation, Report};
use crate::node::ops;
use crate::output::Output;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Show the state of the nodes of a demo network.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of the demo network.
    #[arg(long, default_value = crate::demo::FOLDER_DEFAULT)]
    demo: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    organisation: String,
    running: bool,
    #[serde(flatten)]
    status: Option<ops::Status>,
}

pub(crate) fn run(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let report = Report::read(&arguments.demo)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asks = report.organisations.iter().map(|organisation| ask(&arguments, organisation));
    let rows: Vec<Row> = runtime.block_on(futures::future::join_all(asks));
    output.result(&rows, || table(&rows))
}

async fn ask(arguments: &Arguments, organisation: &Organisation) -> Row {
    let ops = ops::Client::new(&arguments.demo.join(&organisation.id));
    let status = ops.status().await.ok();
    Row { organisation: organisation.id.clone(), running: status.is_some(), status }
}

fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<14}{:>8}{:>6}{:>7}{:>10}{:>10}{:>10}{:>8}{:>9}{:>11}\n",
        "node", "height", "lag", "peers", "stored", "sealed", "anchored", "to move", "missing", "memory"
    );
    for row in rows {
        let line = match &row.status {
            Some(status) => format!(
                "{:<14}{:>8}{:>6}{:>7}{:>10}{:>10}{:>10}{:>8}{:>9}{:>8} MB",
                row.organisation,
                status.height,
                status.lag,
                status.peers,
                status.stored,
                status.sealed,
                status.anchored,
                status.batches_to_move,
                status.receipts_missing,
                status.resident_bytes / 1_000_000
            ),
            None => format!("{:<14} not running", row.organisation),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
        if let Some(protocol) = row.status.as_ref().map(|status| status.unknown_protocol).filter(|it| *it > 0)
        {
            let _ = writeln!(
                text,
                "  its ledger stands still: the network's rules are now protocol {protocol}, which this version does \
                 not know. Install a newer version and start it again."
            );
        }
    }
    text
}
