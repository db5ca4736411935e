//! One source for all targets: the name of the binary, or SALUS_FUZZ_TARGET for the binary `any`, says which is meant.
#![no_main]

use libfuzzer_sys::fuzz_target;
use salus_fuzz::{Target, check, targets};
use std::sync::LazyLock;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = match env!("CARGO_BIN_NAME") {
        "any" => std::env::var("SALUS_FUZZ_TARGET").unwrap_or_default(),
        own => own.to_owned(),
    };
    salus_fuzz::target(&name).unwrap_or_else(|| {
        let names: Vec<_> = targets().iter().map(|target| target.name).collect();
        panic!("no target is called `{name}`; there are {}", names.join(", "))
    })
});

fuzz_target!(|input: &[u8]| check::run(&TARGET, input));
