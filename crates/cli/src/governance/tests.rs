use super::{Arguments, Command, application, propose, words};
use crate::network::{self, Plan};
use crate::output::Output;
use clap::{CommandFactory as _, Parser};
use salus_gateway::steward::governance::{AskedChange, Governance, ProposalRow};
use salus_types::organisation::Class;
use salus_verifier::ApplicationFile;
use serde_json::{Value, json};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

fn parse(line: &str) -> Option<Command> {
    let words = ["governance", "--home", "x"].into_iter().chain(line.split_whitespace());
    Line::try_parse_from(words).ok().map(|line| line.arguments.command)
}

fn governance() -> Governance {
    let member = |id: &str, own: bool| {
        json!({
            "id": id, "name": id, "class": "provider", "validator": true, "custodian": true, "since": 0, "own": own,
        })
    };
    let network = json!({
        "name": "Test", "epoch": 3, "firstHeight": 30, "lastHeight": 39, "height": 34, "timeMs": 9, "blockMs": 30_000,
    });
    let parameters = json!({
        "transactionLifetimeBlocksMax": 1_000, "grantPeriodMsMax": 86_400_000, "blockTransactionsMax": 64,
        "epochBlocks": 10, "votingPeriodMs": 60_000, "blocksRetained": 2_000, "protocol": 1,
    });
    serde_json::from_value(json!({
        "network": network, "parameters": parameters,
        "members": [member("hospital-a", true), member("insurer", false)], "proposals": [], "faults": [{
            "organisation": "insurer", "misdeed": "two-notarizes", "epoch": 2, "view": 7, "accuser": "hospital-a",
            "height": 28, "timeMs": 8,
        }],
    }))
    .expect("as a node gives it")
}

fn row(change: Value) -> ProposalRow {
    serde_json::from_value(json!({
        "id": "11".repeat(32), "number": 4, "proposer": "insurer", "height": 31, "closesMs": 70, "outcome": "refused",
        "decided": 39, "needed": 3, "accepted": false, "own": "against", "change": change,
        "votes": { "for": ["insurer"], "against": ["hospital-a"], "left": { "for": 0, "against": 1 } },
    }))
    .expect("as a node gives it")
}

#[test]
fn the_command_line_asks_for_what_is_needed_and_nothing_else() {
    Line::command().debug_assert();
    for (line, fits) in [
        ("list", true),
        ("list --before 3", true),
        ("show 3", true),
        ("show", false),
        ("vote 3 --approve", true),
        ("vote 3 --refuse", true),
        ("vote 3", false),
        ("vote 3 --approve --refuse", false),
        ("propose", false),
        ("propose admit a.json", true),
        ("propose update a.json", true),
        ("propose class insurer pharmacy", true),
        ("propose class insurer bank", false),
        ("propose class Insurer pharmacy", false),
        ("propose duties insurer --validator false", true),
        ("propose duties insurer --custodian true", true),
        ("propose duties insurer", false),
        ("propose remove insurer", true),
        ("propose parameters --epoch-blocks 20", true),
        ("propose parameters", false),
        ("application --name Clinic --class provider", true),
    ] {
        assert_eq!(parse(line).is_some(), fits, "{line}");
    }
}

#[test]
fn what_is_not_named_stays_as_it_is() {
    let asked = |line: &str| match parse(line) {
        Some(Command::Propose(arguments)) => propose::asked(&arguments.change, &governance()).ok(),
        _ => None,
    };
    let duties = |validator, custodian| AskedChange::SetDuties {
        organisation: "insurer".parse().expect("id"),
        validator,
        custodian,
    };
    for (line, expected) in [
        ("propose duties insurer --validator false", Some(duties(false, true))),
        ("propose duties insurer --custodian false", Some(duties(true, false))),
        ("propose duties insurer --validator false --custodian false", Some(duties(false, false))),
        ("propose duties nobody --validator false", None),
        ("propose parameters --epoch-blocks 10", None),
        ("propose admit no-such-file.json", None),
    ] {
        assert_eq!(asked(line), expected, "{line}");
    }
    let Some(AskedChange::SetParameters { parameters }) = asked("propose parameters --epoch-blocks 20")
    else {
        panic!("parameters are asked for")
    };
    assert_eq!((parameters.epoch_blocks, parameters.voting_period_ms), (20, 60_000));
}

#[test]
fn the_network_and_a_proposal_are_told_in_words() {
    let text = words::overview(&governance());
    assert!(text.contains("Votes are counted at block 39, in about 3 minutes."), "{text}");
    assert!(text.contains("hospital-a (own)"), "{text}");
    let fault =
        "`insurer` voted for two blocks in one place in epoch 2, view 7; shown by `hospital-a` at block 28.";
    assert!(text.contains(fault), "{text}");
    let applicant = json!({
        "id": "clinic", "name": "Clinic", "class": "provider", "custodian": false, "ledgerAddress": "a:1",
        "peerUrl": "https://a:2", "portalUrl": "https://a", "nodeKey": "0123456789abcdef",
    });
    let difference = json!([{ "field": "name", "from": "Old", "to": "New" }]);
    for (change, expected) in [
        (json!({ "kind": "admit", "organisation": applicant }), "admit `clinic` (Clinic, provider)"),
        (
            json!({ "kind": "update", "organisation": "insurer", "differences": difference }),
            "name: \"New\" instead of \"Old\"",
        ),
        (json!({ "kind": "setClass", "organisation": "insurer", "class": "payer" }), "of `insurer` to payer"),
        (
            json!({ "kind": "setDuties", "organisation": "insurer", "validator": true, "custodian": false }),
            "a seat, no custodian",
        ),
        (json!({ "kind": "remove", "organisation": "insurer" }), "remove `insurer`"),
    ] {
        let text = words::proposal(&row(change));
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("refused, decided at block 39"), "{text}");
        assert!(text.contains("1 of 3 needed: insurer") && text.contains("2: hospital-a"), "{text}");
    }
}

#[test]
fn an_address_on_which_a_node_listens_may_be_none_to_reach_it_at() {
    for (ledger, peer, fits) in [
        ("ledger.example:7000", "https://peer.example:7001", true),
        ("127.0.0.1:7000", "https://127.0.0.1:7001", true),
        ("0.0.0.0:7000", "https://peer.example:7001", false),
        ("[::]:7000", "https://peer.example:7001", false),
        ("ledger.example:7000", "https://0.0.0.0:7001", false),
        ("ledger.example:7000", "http://peer.example:7001", false),
    ] {
        assert_eq!(application::reachable(ledger, peer).is_ok(), fits, "{ledger} {peer}");
    }
}

#[test]
fn an_organisation_that_is_no_member_applies_with_what_its_folder_holds() {
    let folder = tempfile::tempdir().expect("folder");
    let plan = Plan { id: "clinic", name: "Clinic", class: Class::Provider };
    let genesis = network::create(folder.path(), 7_000, 1, 16, &[plan]).expect("a network");
    let out = folder.path().join("application.json");
    let home = folder.path().join("clinic");
    let apply = |more: &[&str]| {
        let paths = [home.display().to_string(), out.display().to_string()];
        let words = ["governance", "--home", &paths[0], "application", "--out", &paths[1]];
        let line = Line::try_parse_from(words.into_iter().chain(more.iter().copied())).expect("parses");
        super::run(&line.arguments, Output::new(true))
    };
    let refused = apply(&["--name", "New clinic"]).expect_err("no class").to_string();
    assert!(refused.contains("--class"), "{refused}");
    apply(&["--name", "New clinic", "--class", "pharmacy", "--portal-url", "https://clinic.example"])
        .expect("an application");
    let text = std::fs::read_to_string(&out).expect("a file");
    let organisation = ApplicationFile::parse(&text, &genesis.network()).expect("holds").organisation;
    assert_eq!((organisation.name.as_str(), organisation.class), ("New clinic", Class::Pharmacy));
    assert_eq!((organisation.validator, organisation.custodian), (false, false));
    assert_eq!(organisation.portal_url.as_str(), "https://clinic.example");
    assert_eq!(organisation.node_key, genesis.organisations[0].node_key);
    assert_eq!(organisation.kem_key, genesis.organisations[0].kem_key);
}
