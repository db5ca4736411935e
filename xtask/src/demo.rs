//! `cargo xtask demo`: from a clone to a running network, in one command.

use crate::paths::Paths;
use crate::setup::{self, Purpose};
use crate::{build, run};
use anyhow::Result;
use std::process::Command;

/// Builds what is missing and becomes `salus demo`, so that Ctrl-C reaches it directly.
pub(crate) fn run(paths: &Paths, args: &[String]) -> Result<()> {
    let args = forwarded(args);
    let mut demo = Command::new(paths.salus());
    demo.arg("demo");
    if args.iter().any(|a| a == "--help" || a == "-h") {
        build::salus(paths)?;
        return run::become_command(demo.arg("--help"));
    }
    setup::prepare(paths, Purpose::Demo)?;
    build::all(paths)?.options(&mut demo);
    if let Some(folder) = paths.salus().parent() {
        println!("\nThe command line `{}`, in another terminal:", paths.salus().display());
        println!("  export PATH=\"{}:$PATH\"\n", folder.display());
    }
    run::become_command(demo.args(args))
}

/// Cargo's own `--` is habit to many: `cargo xtask demo -- --fresh` means the same without it.
fn forwarded(args: &[String]) -> &[String] {
    match args.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => args,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_go_to_the_demo_with_and_without_the_dashes_of_cargo() {
        let fresh = ["--fresh".to_owned()];
        assert_eq!(forwarded(&fresh), fresh);
        assert_eq!(forwarded(&["--".to_owned(), "--fresh".to_owned()]), fresh);
        assert!(forwarded(&[]).is_empty());
    }
}
