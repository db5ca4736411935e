//! The yardstick: PostgreSQL with its default durability, a record and an audit row in each transaction.
//!
//! The server is the machine's own, with default settings, in a temporary folder, on a Unix socket only. It refuses to
//! run as root, so for root it runs as another user.

use crate::bench::figure::Figure;
use anyhow::{Context as _, bail};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const TABLES: &str = include_str!("postgres_tables.sql");
const TRANSACTION: &str = include_str!("postgres_transaction.sql");
/// Clients side by side; the best of these counts.
const CLIENTS: [usize; 2] = [16, 64];
const SECONDS: usize = 10;
/// Where Debian puts the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Who may run the server where this program is root.
const USERS: [&str; 2] = ["postgres", "nobody"];
const DATABASE: &str = "postgres";

/// Transactions a second. `None`, where there is no PostgreSQL.
pub(super) fn measure(parent: &Path, runs: usize, seconds_smaller: usize) -> anyhow::Result<Option<Figure>> {
    let Some(programs) = programs() else { return Ok(None) };
    let server = Server::start(parent, programs)?;
    let seconds = (SECONDS / seconds_smaller).max(1);
    let mut rates = Vec::new();
    for _ in 0..runs {
        let mut best: f64 = 0.0;
        for clients in CLIENTS {
            best = best.max(server.bench(clients, seconds)?);
        }
        rates.push(best);
    }
    let name = format!("{}, fsync: a record and its audit row in a transaction", server.version()?);
    Ok(Some(Figure::of(name, "tx/s", "", rates)))
}

/// The folder with the newest server's programs.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = debian.collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(&path));
    folders
        .into_iter()
        .find(|folder| ["initdb", "pg_ctl", "pgbench"].iter().all(|name| folder.join(name).exists()))
}

struct Server {
    programs: PathBuf,
    user: Option<&'static str>,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(parent: &Path, programs: PathBuf) -> anyhow::Result<Self> {
        let root = fs::metadata("/proc/self")?.uid() == 0;
        let passwd = fs::read_to_string("/etc/passwd")?;
        let exists = |user: &&str| passwd.lines().any(|line| line.split(':').next() == Some(user));
        let user = match root {
            true => Some(*USERS.iter().find(|user| exists(user)).context("no user to run PostgreSQL as")?),
            false => None,
        };
        let folder = tempfile::Builder::new().prefix("salus-bench-pg-").tempdir_in(parent)?;
        let server = Self { programs, user, folder };
        fs::write(server.path("tables.sql"), TABLES)?;
        fs::write(server.path("transaction.sql"), TRANSACTION)?;
        if let Some(user) = user {
            run(Command::new("chown").arg("-R").arg(user).arg(server.folder.path()))?;
        }
        let data = server.path("data");
        run(server.program("initdb").args(["--auth=trust", "--username=bench", "-D"]).arg(&data))?;
        let socket = format!("-k {} -h ''", server.folder.path().display());
        let log = server.path("log");
        run(server
            .program("pg_ctl")
            .args(["-w", "-o", &socket, "-l"])
            .arg(log)
            .arg("-D")
            .arg(&data)
            .arg("start"))?;
        run(server
            .client("psql")
            .args(["-q", "-v", "ON_ERROR_STOP=1", "-f"])
            .arg(server.path("tables.sql"))
            .args(["-d", DATABASE]))?;
        Ok(server)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program of the server, as the user who may run it.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir(self.folder.path());
        command
    }

    fn client(&self, name: &str) -> Command {
        let mut command = self.program(name);
        command.args(["-U", "bench", "-h"]).arg(self.folder.path());
        command
    }

    fn bench(&self, clients: usize, seconds: usize) -> anyhow::Result<f64> {
        let (clients, seconds) = (clients.to_string(), seconds.to_string());
        let mut pgbench = self.client("pgbench");
        pgbench
            .args(["-n", "-j", "2", "-c", &clients, "-T", &seconds, "-f"])
            .arg(self.path("transaction.sql"));
        let said = run(pgbench.arg(DATABASE))?;
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rest| rest.split(' ').next()).context("pgbench says no rate")?;
        Ok(rate.parse()?)
    }

    fn version(&self) -> anyhow::Result<String> {
        let said = run(self.program("pg_ctl").arg("--version"))?;
        // "pg_ctl (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        let number = said.split(' ').nth(2).unwrap_or_default().trim().to_owned();
        Ok(format!("PostgreSQL {number}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.path("data");
        let _ = self.program("pg_ctl").args(["-m", "immediate", "-D"]).arg(data).arg("stop").output();
    }
}

fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
