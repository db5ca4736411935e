//! The chores of this repository: `cargo xtask <chore>`. One file per chore.
//!
//! Architecture invariant: a chore writes only to the cache folder (see `paths`), to what git ignores,
//! and, when run as root on Debian, to the system by `apt-get`. No chore imports a crate of the product.
#![expect(clippy::print_stdout, reason = "a chore talks to the person who started it")]

mod bench;
mod build;
mod check;
mod clean;
mod definitions;
mod demo;
mod deny;
mod digest;
mod freshness;
mod fuzz;
mod interop;
mod layers;
mod package;
mod paths;
mod portal;
mod run;
mod sbom;
mod setup;
mod sim;
mod system;
mod tidy;
mod tools;
mod version;

use anyhow::{Result, bail};
use paths::Paths;
use std::process::ExitCode;

const HELP: &str = "\
Salus: the chores of this repository

  cargo xtask demo [ARGS]       set up, build and start a network of four organisations on this machine;
                                ARGS go to `salus demo`: --dir --base-port --patients --seed --data --fresh
      --help                    say what each of them means
  cargo xtask check             set up, then run every check and test that a change must pass
      --quick                   leave out the slow ones (engine's own tests, cargo-deny, browser)
      --nightly                 also the tests marked #[ignore = \"nightly: ...\"]
  cargo xtask setup             install what `check` needs, without running it
  cargo xtask layers            check which crate imports which, and print the picture
      --markdown                print the block that ARCHITECTURE.md shows
      --update                  write that block into ARCHITECTURE.md
  cargo xtask tidy              check file and function sizes, left-over notes and words a crate may not use
  cargo xtask deny              check dependencies: licences, bans, sources, advisories
  cargo xtask package           build the Debian package, and try it in a folder of its own
      --install                 also install it on this machine, try it, and remove it (as root)
      --folder DIR              instead, put the files that it would install below DIR
  cargo xtask sbom --out FILE   write the list of all dependencies (CycloneDX 1.6, JSON)
  cargo xtask bench --json FILE [--quick]
                                measure, and write the figures to FILE
  cargo xtask bench ledger --json FILE [--quick] [--long] [--only PARTS]
                                the same for validators alone, without vaults, gateways and engines
  cargo xtask bench fhir --json FILE [--quick] [--only PARTS]
                                one hospital's FHIR API under load, and its engine asked directly
  cargo xtask bench keys        print what keys cost: sealing, releases, tables, rotation
  cargo xtask bench emergency   print how long it takes from a request in an emergency to the summary
  cargo xtask bench --soak MINUTES --json FILE
                                steady load on validators alone: what becomes of their memory
  cargo xtask sim [ARGS]        simulate the network from a seed, with faults: --seed --seeds --views --nodes
                                --faults --byzantine --plant; `--help` says what each of them means
  cargo xtask fuzz              try every decoder on many inputs, with libFuzzer where it pays off
      --runs N --target T       how often in all (1,000,000), and one target alone
      --seed S                  which inputs (1)
      --blind                   by mutation of seeds alone: nothing is built a second time
      --keep                    keep what was found in fuzz/corpus
  cargo xtask interop [NAME..]  start a demo network and let other people's software judge it: clients, validators,
                                HL7's examples, a generator of requests (docs/interop.md)
  cargo xtask clean-cache       delete everything the chores have cached

Builds and tools are cached outside the checkout: $SALUS_CACHE, else ~/.cache/salus.
";

fn main() -> ExitCode {
    match dispatch(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut args: Vec<String>) -> Result<()> {
    let chore = if args.is_empty() { "help".to_owned() } else { args.remove(0) };
    let paths = Paths::find()?;
    if ["demo", "check", "bench", "sim", "fuzz", "package", "interop"].contains(&chore.as_str()) {
        freshness::settle(&paths)?;
    }
    match chore.as_str() {
        "demo" => demo::run(&paths, &args),
        "check" => check::run(&paths, &args),
        "setup" => setup::run(&paths, &args),
        "layers" => layers::run(&paths, &args),
        "tidy" => tidy::run(&paths, &args),
        "deny" => deny::run(&paths, &args),
        "interop" => interop::run(&paths, &args),
        "package" => package::run(&paths, &args),
        "sbom" => sbom::run(&paths, &args),
        "bench" => bench::run(&paths, &args),
        "sim" => sim::run(&paths, &args),
        "fuzz" => fuzz::run(&paths, &args),
        "clean-cache" => clean::run(&paths, &args),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("no chore is called `{other}`; `cargo xtask help` lists them"),
    }
}

/// Refuses arguments that a chore does not know; returns which of `known` were given.
fn flags(args: &[String], known: &[&str]) -> Result<Vec<String>> {
    match args.iter().find(|a| !known.contains(&a.as_str())) {
        Some(other) if known.is_empty() => bail!("this chore takes no argument, but got `{other}`"),
        Some(other) => bail!("unknown argument `{other}`; this chore knows {}", known.join(", ")),
        None => Ok(args.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_chore_is_refused_by_name() {
        let error = dispatch(vec!["chek".into()]).expect_err("no such chore");
        assert!(error.to_string().contains("`chek`"), "{error}");
    }

    #[test]
    fn every_chore_of_the_help_text_is_known() {
        for line in HELP.lines().filter_map(|l| l.strip_prefix("  cargo xtask ")) {
            let chore = line.split_whitespace().next().expect("a name");
            // An argument nobody knows makes every chore but the forwarding ones stop before it starts.
            if !["demo", "bench", "sbom", "sim", "package"].contains(&chore) {
                let error = dispatch(vec![chore.into(), "--no-such-flag".into()]).expect_err("unknown flag");
                assert!(error.to_string().contains("--no-such-flag"), "{chore}: {error}");
            }
        }
    }
}
