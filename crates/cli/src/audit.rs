//! `salus audit`: what custodians released against what the ledger announces, one to one.
//!
//! Each release must have its access event, and each event its releases. One custodian's log shows the first; the second
//! takes the logs of all, each of which an operator writes to a file (`--export`) for the others (`--with`). A log
//! names events of the ledger, organisations and times; nothing of a patient.

use crate::node::ops::{Client, LedgerEvent, LoggedRelease};
use crate::output::Output;
use anyhow::Context as _;
use salus_types::organisation::Organisation;
use salus_types::{AccessId, OrganisationId};
use salus_vault::custodian::Released;
use salus_vault::custodian::audit::{Comparison, Event, compare};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lines of each kind that are shown to people; `--json` has all.
const LINES_MAX: usize = 20;

/// Compare what custodians released with the access events on the ledger. Exit status 0 (they match), 1 (events without a
/// release), 2 (releases without an event).
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of a running node; may be repeated. The events are those that the first has seen.
    #[arg(long, required = true)]
    home: Vec<PathBuf>,
    /// Log of another custodian, made by its operator with --export; may be repeated.
    #[arg(long)]
    with: Vec<PathBuf>,
    /// Write the log of the first node to this file.
    #[arg(long)]
    export: Option<PathBuf>,
}

/// What one custodian released.
#[derive(Serialize, Deserialize)]
struct Log {
    organisation: OrganisationId,
    releases: Vec<LoggedRelease>,
}

/// What is found.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// Events whose releases all match, and that have some.
    matched: u64,
    mismatches: Vec<Line>,
    /// Events for which no log has a release.
    unserved: Vec<AccessId>,
    /// Custodians of the network whose logs are not among those compared.
    logs_missing: Vec<OrganisationId>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    custodian: OrganisationId,
    access: AccessId,
    what: &'static str,
}

impl Report {
    fn new(comparison: Comparison, custodians: &[OrganisationId], logs: &Logs) -> Self {
        let Comparison { matched, mismatches, unserved } = comparison;
        let line = |(custodian, access, what): (_, _, salus_vault::custodian::audit::Mismatch)| Line {
            custodian,
            access,
            what: what.words(),
        };
        let logs_missing = custodians.iter().filter(|id| !logs.contains_key(*id)).cloned().collect();
        Self { matched, mismatches: mismatches.into_iter().map(line).collect(), unserved, logs_missing }
    }

    /// An event that nobody has served means something only if everybody's log is there.
    fn status(&self) -> u8 {
        match (self.mismatches.is_empty(), self.unserved.is_empty() || !self.logs_missing.is_empty()) {
            (false, _) => 2,
            (true, false) => 1,
            (true, true) => 0,
        }
    }

    fn text(&self) -> String {
        let Self { matched, mismatches, unserved, logs_missing } = self;
        let mut lines = vec![format!(
            "{matched} access events match their releases; {} releases match no event; {} events without a release",
            mismatches.len(),
            unserved.len()
        )];
        let shown = mismatches.iter().take(LINES_MAX);
        lines.extend(shown.map(|line| format!("  {} by {}: {}", line.access, line.custodian, line.what)));
        if logs_missing.is_empty() {
            lines.extend(
                unserved.iter().take(LINES_MAX).map(|id| format!("  {id}: announced, never released")),
            );
        } else {
            let names: Vec<_> = logs_missing.iter().map(OrganisationId::as_str).collect();
            lines.push(format!(
                "  events may have been served by {}: ask for their logs (salus audit --export), and add them with --with",
                names.join(", ")
            ));
        }
        lines.join("\n")
    }
}

type Logs = BTreeMap<OrganisationId, Vec<Released>>;

/// Compares, and says how.
pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(look(arguments))?;
    output.result(&report, || report.text())?;
    Ok(ExitCode::from(report.status()))
}

async fn look(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut logs = Logs::new();
    for home in &arguments.home {
        let log = read_log(home).await?;
        if let Some(path) = arguments.export.as_ref().filter(|_| logs.is_empty()) {
            let written = fs::write(path, serde_json::to_vec(&log)?);
            written.with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        add(&mut logs, log);
    }
    for path in &arguments.with {
        let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let log: Log = serde_json::from_slice(&bytes)
            .with_context(|| format!("`{}` is no log of releases", path.display()))?;
        add(&mut logs, log);
    }
    let first = arguments.home.first().context("no folder is given")?;
    let client = Client::new(first);
    // After the logs: what is released meanwhile has its event.
    let events = read_events(&client).await?;
    let members = client.health().await?.members()?;
    Ok(Report::new(compare(&events, &logs), &custodians(&members), &logs))
}

fn custodians(members: &[Organisation]) -> Vec<OrganisationId> {
    members.iter().filter(|member| member.custodian).map(|member| member.id.clone()).collect()
}

async fn read_log(home: &Path) -> anyhow::Result<Log> {
    let client = Client::new(home);
    let member = client.membership().await?;
    let organisation = member.context("this node's organisation is no member of the network")?.id;
    let mut releases: Vec<LoggedRelease> = Vec::new();
    loop {
        let page = client.releases(releases.last()).await?;
        if page.is_empty() {
            return Ok(Log { organisation, releases });
        }
        releases.extend(page);
    }
}

async fn read_events(client: &Client) -> anyhow::Result<BTreeMap<AccessId, Event>> {
    let (mut events, mut before) = (BTreeMap::new(), None);
    loop {
        let page = client.access_events(before).await?;
        let Some(last) = page.last() else { return Ok(events) };
        before = Some(last.number);
        for LedgerEvent { access, organisation, versions_root, count, .. } in page {
            events.insert(access, Event { organisation, versions_root, count });
        }
    }
}

fn add(logs: &mut Logs, log: Log) {
    let released = |logged| {
        let LoggedRelease { access, to, versions_root, count, time_ms } = logged;
        Released { access, to, versions_root, count, time_ms }
    };
    logs.entry(log.organisation).or_default().extend(log.releases.into_iter().map(released));
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_types::Digest;

    fn id(name: &str) -> OrganisationId {
        name.parse().expect("a name")
    }

    fn access(byte: u8) -> AccessId {
        AccessId(Digest([byte; 32]))
    }

    fn log(custodian: &str, accesses: &[u8]) -> Log {
        let release = |byte: &u8| LoggedRelease {
            access: access(*byte),
            to: id("insurer"),
            versions_root: Digest([*byte; 32]),
            count: 3,
            time_ms: 5,
        };
        Log { organisation: id(custodian), releases: accesses.iter().map(release).collect() }
    }

    fn report(logs: Vec<Log>) -> Report {
        let event =
            |byte: u8| Event { organisation: id("insurer"), versions_root: Digest([byte; 32]), count: 3 };
        let events = (1..=3).map(|byte| (access(byte), event(byte))).collect();
        let mut all = Logs::new();
        logs.into_iter().for_each(|log| add(&mut all, log));
        Report::new(compare(&events, &all), &[id("hospital-a"), id("hospital-b")], &all)
    }

    #[test]
    fn the_exit_status_says_what_is_wrong_and_a_missing_log_accuses_nobody() {
        let cases = [
            ("all match", vec![log("hospital-a", &[1, 2]), log("hospital-b", &[2, 3])], 0, 3),
            ("an event of nobody", vec![log("hospital-a", &[1]), log("hospital-b", &[2])], 1, 2),
            ("one log alone", vec![log("hospital-a", &[1])], 0, 1),
            ("a release of no event", vec![log("hospital-a", &[1, 9])], 2, 1),
        ];
        for (case, logs, status, matched) in cases {
            let report = report(logs);
            assert_eq!((report.status(), report.matched), (status, matched), "{case}: {}", report.text());
        }
    }

    #[test]
    fn a_log_reads_back_as_it_was_written() {
        let written = serde_json::to_vec(&log("hospital-a", &[1, 2])).expect("written");
        let read: Log = serde_json::from_slice(&written).expect("read");
        assert_eq!(read.releases, log("hospital-a", &[1, 2]).releases);
    }
}
