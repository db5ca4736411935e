//! The network under faults; and every property catches the bug that is planted for it.

use salus_sim::{Byzantine, Fault, Plant, Scenario, run};

/// Views of one run here. `cargo xtask sim` runs longer ones.
const VIEWS: u64 = 300;

fn scenario(seed: u64) -> Scenario {
    Scenario {
        seed,
        nodes: 4,
        views: VIEWS,
        epoch_blocks: 32,
        faults: Vec::new(),
        byzantine: Vec::new(),
        plant: None,
    }
}

#[track_caller]
fn holds(scenario: &Scenario) -> salus_sim::Outcome {
    match run(scenario) {
        Ok(outcome) => outcome,
        Err(why) => panic!("{scenario:?} fails: {why}"),
    }
}

#[test]
fn in_calm_times_every_kind_of_action_becomes_final() {
    let outcome = holds(&Scenario { views: 1_000, ..scenario(1) });
    assert_eq!(outcome.transactions.len(), 19, "{:?}", outcome.transactions);
    assert!(outcome.acknowledged > 100 && outcome.epochs > 5);
}

/// That blocks go where they may, and no others, is checked in every run; this one is long enough for some to go.
#[test]
fn old_blocks_are_forgotten_and_the_network_goes_on() {
    let outcome = holds(&Scenario { views: 2_400, ..scenario(3) });
    assert!(outcome.epochs > 50, "{outcome:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let faulty =
        |seed| Scenario { faults: vec![Fault::Crash, Fault::Partition, Fault::Delay], ..scenario(seed) };
    let (one, two, other) = (holds(&faulty(7)), holds(&faulty(7)), holds(&faulty(8)));
    assert_eq!(one, two);
    assert_ne!(one.trace, other.trace);
}

#[test]
fn every_kind_of_fault_alone_is_borne() {
    for (seed, fault) in
        [Fault::Crash, Fault::Partition, Fault::Delay, Fault::Storage].into_iter().enumerate()
    {
        holds(&Scenario { faults: vec![fault], ..scenario(seed as u64 + 20) });
    }
}

#[test]
fn all_faults_together_are_borne() {
    let faults = vec![Fault::Crash, Fault::Partition, Fault::Delay, Fault::Storage];
    for seed in 40..44 {
        let outcome = holds(&Scenario { faults: faults.clone(), ..scenario(seed) });
        assert!(outcome.crashes > 0);
    }
}

#[test]
fn one_byzantine_node_of_four_is_borne_and_the_one_that_contradicts_itself_is_known() {
    let lies = [
        Byzantine::Silent,
        Byzantine::Conflicter,
        Byzantine::Nuller,
        Byzantine::NullifyOnly,
        Byzantine::Outdated,
        Byzantine::Impersonator,
        Byzantine::Reconfigurer,
    ];
    for (seed, lie) in lies.into_iter().enumerate() {
        let outcome = holds(&Scenario { byzantine: vec![lie], ..scenario(seed as u64 + 60) });
        assert_eq!(outcome.faults > 0, lie.contradicts_itself(), "{lie:?}");
    }
}

#[test]
fn two_liars_of_seven_are_borne_while_machines_crash() {
    let byzantine = vec![Byzantine::Conflicter, Byzantine::Silent];
    holds(&Scenario { nodes: 7, byzantine, faults: vec![Fault::Crash, Fault::Delay], ..scenario(80) });
}

#[test]
fn seats_and_epochs_change_while_machines_crash_and_links_break() {
    let faults = vec![Fault::Crash, Fault::Partition, Fault::Delay, Fault::Storage];
    for seed in 90..93 {
        let outcome =
            holds(&Scenario { nodes: 6, epoch_blocks: 16, faults: faults.clone(), ..scenario(seed) });
        assert!(outcome.epochs > 5 && outcome.seats.len() > 1, "{outcome:?}");
    }
}

#[test]
fn more_liars_than_a_third_are_refused() {
    let byzantine = vec![Byzantine::Silent, Byzantine::Silent];
    assert!(run(&Scenario { byzantine, ..scenario(1) }).is_err());
}

/// Most networks of forgetful nodes get stuck; some fork, and that is seen.
#[test]
fn a_network_that_forgets_forks_and_is_caught() {
    let forgetful =
        |seed| Scenario { faults: vec![Fault::Crash], plant: Some(Plant::Amnesia), ..scenario(seed) };
    let forked = |seed| run(&forgetful(seed)).is_err_and(|why| why.contains("fork"));
    assert!((100..120).any(forked), "nobody noticed a fork");
}

#[test]
fn every_planted_bug_is_caught() {
    let cases = [
        (Plant::IgnoreRevocations, Vec::new(), "its grant was revoked"),
        (Plant::IgnoreEnds, Vec::new(), "whose appointment was ended"),
        (Plant::AcknowledgeEarly, Vec::new(), "that is not there"),
        (Plant::OtherRules, Vec::new(), "node 1 does not go on"),
        (Plant::NeverHeals, vec![Fault::Delay], "does not end well"),
    ];
    for (plant, faults, words) in cases {
        let result = run(&Scenario { faults, plant: Some(plant), ..scenario(104) });
        let why = result.expect_err("the planted bug goes unnoticed");
        assert!(why.contains(words), "{plant:?}: {why}");
    }
}
