//! `salus feeds`: how an organisation's feeds are doing, and what could not be filed. Asks the running node, through the
//! socket in the node's folder that only the node's own user can open.

mod file;

pub(crate) use file::FeedFile;

use crate::node::ops::Client;
use crate::output::Output;
use salus_gateway::feeds::desk::{Shown, Waiting};
use serde_json::json;
use std::path::PathBuf;

/// See how feeds are doing, and what could not be filed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of the organisation's node.
    #[arg(long)]
    home: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the feeds with their numbers.
    List,
    /// List what waits in a feed, oldest first, at most 200.
    Waiting {
        /// The feed's name.
        feed: String,
    },
    /// Show one that waits, with letters and digits covered.
    Show {
        /// The feed's name.
        feed: String,
        /// Its number in the feed.
        number: u64,
    },
    /// Try one again, or else the oldest 200.
    Replay {
        /// The feed's name.
        feed: String,
        /// Its number in the feed.
        number: Option<u64>,
    },
    /// File one that waits because it would bring back what was erased.
    Restore {
        /// The feed's name.
        feed: String,
        /// Its number in the feed.
        number: u64,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Discard one: its contents are deleted; that it was, and why, stays.
    Discard {
        /// The feed's name.
        feed: String,
        /// Its number in the feed.
        number: u64,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drive(arguments, output))
}

async fn drive(arguments: &Arguments, output: Output) -> anyhow::Result<()> {
    let node = Client::new(&arguments.home);
    match &arguments.command {
        Command::List => {
            let feeds = node.feeds().await?;
            output.result(&feeds, || lines(&feeds, feed, "No feeds are configured."))
        }
        Command::Waiting { feed } => {
            let letters = node.letters(feed).await?;
            output.result(&letters, || lines(&letters, letter, "Nothing waits."))
        }
        Command::Show { feed, number } => {
            let one = node.letter(feed, *number).await?;
            output.result(&one, || {
                format!("{}\n\n{}", letter(&one), one.covered.as_deref().unwrap_or_default())
            })
        }
        Command::Replay { feed, number } => {
            let done = node.replay(feed, *number).await?;
            output.result(&done, || format!("Filed: {}. Still waiting: {}.", done.filed, done.failed))
        }
        Command::Restore { feed, number, reason } => {
            let done = node.restore(feed, *number, reason.clone()).await?;
            output.result(&done, || format!("Filed: {}. Still waiting: {}.", done.filed, done.failed))
        }
        Command::Discard { feed, number, reason } => {
            node.discard(feed, *number, reason.clone()).await?;
            output.result(&json!({ "discarded": number }), || format!("Discarded {number} of {feed}."))
        }
    }
}

fn lines<T>(all: &[T], line: impl Fn(&T) -> String, none: &str) -> String {
    match all {
        [] => none.to_owned(),
        all => all.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

fn feed(of: &Shown) -> String {
    let state = &of.state;
    let trouble = of.trouble.as_deref().map_or_else(String::new, |words| format!("; {words}"));
    format!(
        "{} ({} at {}): {} came, {} filed ({} with nothing new), {} refused, {} waiting{trouble}",
        of.name,
        of.kind,
        of.place,
        state.received,
        state.filed,
        state.unchanged,
        state.refused,
        state.waiting
    )
}

fn letter(of: &Waiting) -> String {
    format!(
        "{}: {}, {} bytes, tried again {} times: {}",
        of.number, of.kind, of.bytes, of.attempts, of.reason
    )
}
