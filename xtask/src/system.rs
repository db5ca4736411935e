//! Programs and libraries of the operating system: installed by `apt-get` when that is allowed, else named.

use crate::run;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// Something the operating system must supply.
pub(crate) struct Need {
    /// Debian's package.
    pub(crate) package: &'static str,
    /// Is it there?
    pub(crate) present: fn() -> bool,
}

/// What the Rust builds need.
pub(crate) const BUILD: &[Need] = &[
    Need { package: "build-essential", present: || run::find_program(&["cc", "gcc", "clang"]).is_some() },
    Need { package: "pkg-config", present: || run::find_program(&["pkg-config"]).is_some() },
    Need {
        package: "libssl-dev",
        present: || run::output(Command::new("pkg-config").args(["--exists", "openssl"])).is_ok(),
    },
    Need { package: "git", present: || run::find_program(&["git"]).is_some() },
    Need { package: "tar", present: || run::find_program(&["tar"]).is_some() },
];

/// What the tests start besides our own programs: `curl` as a client that nobody here wrote, `jq` beside it in an example,
/// `kill` to kill nodes, SoftHSM as a token that opens a node's keys, Python for judges that are written in it.
pub(crate) const TESTS: &[Need] = &[
    Need { package: "curl", present: || run::find_program(&["curl"]).is_some() },
    Need { package: "jq", present: || run::find_program(&["jq"]).is_some() },
    Need { package: "procps", present: || run::find_program(&["kill"]).is_some() },
    Need { package: "softhsm2", present: || run::find_program(&["softhsm2-util"]).is_some() },
    Need {
        package: "python3-venv",
        present: || run::output(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok(),
    },
];

/// What the browser tests need on top.
pub(crate) const BROWSER: &[Need] = &[Need { package: "chromium", present: || chromium().is_some() }];

/// The browser that the end-to-end tests drive.
pub(crate) fn chromium() -> Option<PathBuf> {
    run::find_program(&["chromium", "chromium-browser", "google-chrome"])
}

/// Installs what is missing, or says in one line what to install.
///
/// # Errors
/// When something is missing and this process may not install it.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs.iter().filter(|n| !(n.present)()).map(|n| n.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if run::find_program(&["apt-get"]).is_none() {
        bail!("please install (Debian's names): {list}");
    }
    if !is_root() {
        bail!("please run: sudo apt-get install {list}");
    }
    println!("installing system packages: {list}");
    run::run(apt().arg("update")).context("the package lists could not be brought up to date")?;
    run::run(apt().args(["install", "-y", "--no-install-recommends"]).args(&missing))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-q").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    run::output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}
