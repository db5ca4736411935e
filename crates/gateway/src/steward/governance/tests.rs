use crate::practitioner::Role;
use crate::testing::{Answer, Browser, Node, Party, genesis, node, node_of};
use axum::http::StatusCode;
use salus_types::ProposalId;
use salus_types::governance::{Outcome, accept};
use salus_types::organisation::{Class, Organisation};
use salus_types::state::{OrganisationEntry, ProposalEntry, key};
use salus_verifier::{Application, ApplicationFile};
use serde_json::{Value, json};

const PROPOSALS: &str = "/staff/governance/proposals";

async fn signed_in(node: &Node, role: Role) -> Browser {
    let (gateway, id) = (&node.gateway, role.as_str());
    gateway.practitioners.register(&gateway.config.organisation, id, id, role).await.expect("practitioner");
    Browser { cookie: Some(gateway.staff.testing_session(id).await), ..Browser::default() }
}

/// A node with a steward at it.
async fn at_work() -> (Node, Browser) {
    let node = node().await;
    let steward = signed_in(&node, Role::Steward).await;
    (node, steward)
}

async fn propose(node: &Node, browser: &Browser, change: &Value) -> Answer {
    browser.post(node, PROPOSALS, json!({ "change": change })).await
}

async fn vote(node: &Node, browser: &Browser, id: &str, approve: bool) -> Answer {
    browser.post(node, &format!("{PROPOSALS}/{id}/vote"), json!({ "approve": approve })).await
}

async fn seen(node: &Node, browser: &Browser, query: &str) -> Value {
    let answer = browser.get(node, &format!("/staff/governance{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()
}

/// Makes a proposal; gives its id.
async fn proposed(node: &Node, browser: &Browser, change: &Value) -> ProposalId {
    let made = propose(node, browser, change).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    made.json()["id"].as_str().expect("id").parse().expect("id")
}

/// What a party's own node writes, for the network of a node.
fn application(node: &Node, party: &Party, change: impl FnOnce(&mut Organisation)) -> Value {
    let mut organisation = party.member("https://clinic.example:9443");
    organisation.validator = false;
    change(&mut organisation);
    let acceptance = accept(&node.gateway.network, &organisation, &party.key);
    json!(ApplicationFile::of(&Application { organisation, acceptance }))
}

fn remove() -> Value {
    json!({ "kind": "remove", "organisation": "hospital-b" })
}

#[tokio::test]
async fn a_steward_sees_the_network_its_members_and_its_parameters() {
    let (node, steward) = at_work().await;
    let found = seen(&node, &steward, "").await;
    let member = |id: &str, own: bool| {
        json!({
            "id": id, "name": format!("The {id}"), "class": "provider", "validator": true, "custodian": true,
            "since": 0, "own": own,
        })
    };
    assert_eq!(found["members"], json!([member("hospital-a", true), member("hospital-b", false)]));
    let parameters = json!({
        "transactionLifetimeBlocksMax": 10_000, "grantPeriodMsMax": 316_224_000_000_u64,
        "blockTransactionsMax": 4_096, "epochBlocks": 1_024, "votingPeriodMs": 1_209_600_000,
        "blocksRetained": 500_000, "protocol": 1,
    });
    assert_eq!((&found["parameters"], &found["proposals"]), (&parameters, &json!([])));
    let network = &found["network"];
    assert_eq!(
        [&network["name"], &network["epoch"], &network["firstHeight"], &network["lastHeight"]],
        [&json!("test"), &json!(0), &json!(0), &json!(1_023)]
    );
    assert_eq!((&network["height"], &network["blockMs"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn each_change_is_proposed_and_shown() {
    let (node, steward) = at_work().await;
    let (clinic, own) = (Party::new("clinic"), &node.party);
    let rules = |epoch_blocks: u32| {
        json!({
            "transactionLifetimeBlocksMax": 10_000, "grantPeriodMsMax": 316_224_000_000_u64,
            "blockTransactionsMax": 4_096, "epochBlocks": epoch_blocks, "votingPeriodMs": 1_209_600_000,
            "blocksRetained": 500_000, "protocol": 1,
        })
    };
    let renamed = |organisation: &mut Organisation| {
        organisation.name = salus_types::Text::new("New name").expect("short");
        organisation.peer_url = salus_types::Text::new("https://127.0.0.1:1").expect("short");
        organisation.validator = true;
    };
    let duties =
        json!({ "kind": "setDuties", "organisation": "hospital-b", "validator": true, "custodian": false });
    let class = json!({ "kind": "setClass", "organisation": "hospital-b", "class": "pharmacy" });
    for (asked, shown) in [
        (remove(), remove()),
        (duties.clone(), duties),
        (class.clone(), class),
        (
            json!({ "kind": "setParameters", "parameters": rules(64) }),
            json!({
                "kind": "setParameters", "parameters": rules(64),
                "differences": [{ "field": "epochBlocks", "from": 1_024, "to": 64 }],
            }),
        ),
        (
            json!({ "kind": "admit", "application": application(&node, &clinic, |_| {}) }),
            json!({
                "kind": "admit",
                "organisation": {
                    "id": "clinic", "name": "The clinic", "class": "provider", "custodian": true,
                    "ledgerAddress": "127.0.0.1:1", "peerUrl": "https://clinic.example:9443",
                    "portalUrl": crate::testing::ORIGIN, "nodeKey": clinic.key.public().to_string()[..16],
                },
            }),
        ),
        (
            json!({ "kind": "update", "application": application(&node, own, renamed) }),
            json!({
                "kind": "update", "organisation": "hospital-a",
                "differences": [{ "field": "name", "from": "The hospital-a", "to": "New name" }],
            }),
        ),
    ] {
        let made = propose(&node, &steward, &asked).await;
        assert_eq!(made.status, StatusCode::CREATED, "{asked}: {made:?}");
        let newest = seen(&node, &steward, "").await["proposals"][0].clone();
        assert_eq!(newest["change"], shown, "{asked}");
        assert_eq!((&newest["id"], &newest["number"]), (&made.json()["id"], &made.json()["number"]));
        assert_eq!(newest["votes"]["for"], json!(["hospital-a"]), "who proposes approves");
        assert_eq!([&newest["outcome"], &newest["decided"]], [&json!("open"), &Value::Null]);
    }
}

#[tokio::test]
async fn what_is_malformed_is_refused_and_reaches_no_ledger() {
    let (node, steward) = at_work().await;
    let clinic = Party::new("clinic");
    let file = || application(&node, &clinic, |_| {});
    let changed = |change: fn(&mut Value)| {
        let mut file = file();
        change(&mut file);
        json!({ "kind": "admit", "application": file })
    };
    let unsigned = changed(|file| file["acceptance"] = json!("00".repeat(64)));
    for (case, change, status, words) in [
        ("no change", json!({}), 400, "not the JSON"),
        ("an unknown change", json!({ "kind": "dissolve" }), 400, "not the JSON"),
        ("no organisation", json!({ "kind": "remove" }), 400, "not the JSON"),
        ("no name", json!({ "kind": "remove", "organisation": "No Name" }), 400, "not the JSON"),
        ("one field more", json!({ "kind": "remove", "organisation": "a", "x": 1 }), 400, "not the JSON"),
        ("some parameters", json!({ "kind": "setParameters", "parameters": {} }), 400, "not the JSON"),
        ("no application", json!({ "kind": "admit" }), 400, "not the JSON"),
        ("an empty application", json!({ "kind": "admit", "application": {} }), 400, "it is none"),
        (
            "another name to read",
            changed(|file| file["organisation"]["name"] = json!("Good")),
            400,
            "differs",
        ),
        ("no encoding", changed(|file| file["encoded"] = json!("zz")), 400, "malformed"),
        ("a forged signature", unsigned, 400, "has not accepted its own entry"),
        ("an update in words only", json!({ "kind": "update", "application": "please" }), 400, "it is none"),
        ("too large", json!({ "kind": "admit", "application": "x".repeat(70_000) }), 413, "too large"),
    ] {
        let answer = propose(&node, &steward, &change).await;
        let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.status.as_u16(), status, "{case}: {answer:?}");
        assert!(message.contains(words), "{case}: {message}");
    }
    for (id, body, status) in [
        ("00".repeat(32), json!({ "approve": true }), 404),
        ("nonsense".into(), json!({ "approve": true }), 404),
        ("00".repeat(32), json!({}), 400),
        ("00".repeat(32), json!({ "approve": "yes" }), 400),
    ] {
        let answer = steward.post(&node, &format!("{PROPOSALS}/{id}/vote"), body).await;
        assert_eq!(answer.status.as_u16(), status, "{id}: {answer:?}");
    }
    assert_eq!(node.gateway.chain().head().height, 0);
    assert_eq!(steward.get(&node, "/staff/governance?before=x").await.status.as_u16(), 400);
}

#[tokio::test]
async fn others_pages_and_other_roles_move_nothing() {
    let (node, steward) = at_work().await;
    let id = proposed(&node, &steward, &remove()).await.to_string();
    let foreign = Browser { origin: Some("https://evil.example"), ..steward.clone() };
    let clinician = signed_in(&node, Role::Clinician).await;
    for browser in [Browser::default(), foreign, clinician, signed_in(&node, Role::Clerk).await] {
        assert!(!propose(&node, &browser, &remove()).await.status.is_success());
        assert!(!vote(&node, &browser, &id, true).await.status.is_success());
    }
    assert_eq!(node.gateway.chain().head().height, 1, "the steward's alone");
}

#[tokio::test]
async fn the_ledgers_refusal_is_passed_on_in_its_words() {
    let (node, steward) = at_work().await;
    let id = proposed(&node, &steward, &remove()).await.to_string();
    for words in ["there are too many open proposals", "the vote exists already"] {
        *node.chain.refusal.lock().expect("lock") = Some(words);
        for answer in [propose(&node, &steward, &remove()).await, vote(&node, &steward, &id, true).await] {
            assert_eq!(answer.status, StatusCode::CONFLICT, "{answer:?}");
            assert_eq!(answer.json()["message"], words);
        }
    }
}

/// Sets bits of a ballot: the places of those who voted.
fn ballot(slots: &[u8]) -> [u8; 32] {
    let mut ballot = [0; 32];
    for slot in slots {
        ballot[usize::from(*slot / 8)] |= 1 << (slot % 8);
    }
    ballot
}

fn change_proposal(node: &Node, id: ProposalId, change: impl FnOnce(&mut ProposalEntry)) {
    node.chain.change_entry(key::proposal(&id), change);
}

#[tokio::test]
async fn votes_are_told_by_place_and_never_as_those_of_who_came_later() {
    let (node, steward) = at_work().await;
    let id = proposed(&node, &steward, &remove()).await;
    node.chain.change_network(|network| {
        for (name, slot, since) in [("clinic", 9, 5), ("late", 4, 50)] {
            let organisation = Party::new(name).member("https://127.0.0.1:3");
            network.members.push(OrganisationEntry { organisation, slot, since });
        }
    });
    let ids = |names: &str| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    // Votes for and against, when and how it was decided; then who is told, how many left, whether two thirds approve.
    for (approvals, refusals, decided, outcome, approving, against, left, accepted) in [
        (vec![0], vec![], None, Outcome::Open, "hospital-a", "", [0, 0], false),
        (vec![0, 9], vec![1], None, Outcome::Open, "hospital-a clinic", "hospital-b", [0, 0], false),
        (vec![0, 1, 4], vec![], None, Outcome::Open, "hospital-a hospital-b late", "", [0, 0], true),
        (vec![1, 4], vec![0], Some(49), Outcome::Executed, "hospital-b", "hospital-a", [1, 0], true),
        (vec![1], vec![4, 77], Some(49), Outcome::Refused, "hospital-b", "", [0, 2], false),
        (vec![1, 4], vec![], Some(50), Outcome::Failed, "hospital-b late", "", [0, 0], true),
        (vec![1], vec![], Some(60), Outcome::Lapsed, "hospital-b", "", [0, 0], false),
    ] {
        change_proposal(&node, id, |entry| {
            (entry.approvals, entry.refusals) = (ballot(&approvals), ballot(&refusals));
            (entry.decided, entry.outcome) = (decided, outcome);
        });
        let found = seen(&node, &steward, "").await["proposals"][0].clone();
        let case = format!("{approvals:?} {refusals:?} {decided:?}");
        let left = json!({ "for": left[0], "against": left[1] });
        let votes = json!({ "for": ids(approving), "against": ids(against), "left": left });
        assert_eq!(found["votes"], votes, "{case}");
        assert_eq!([&found["needed"], &found["accepted"]], [&json!(3), &json!(accepted)], "{case}");
        let own = match () {
            () if approving.contains("hospital-a") => json!("for"),
            () if against.contains("hospital-a") => json!("against"),
            () => Value::Null,
        };
        assert_eq!([&found["own"], &found["outcome"]], [&own, &json!(outcome)], "{case}");
    }
}

#[tokio::test]
async fn a_vote_is_signed_by_the_node_and_seen() {
    let (node, steward) = at_work().await;
    for (approve, side) in [(true, "for"), (false, "against")] {
        let id = proposed(&node, &steward, &remove()).await;
        change_proposal(&node, id, |entry| entry.approvals = ballot(&[1]));
        assert_eq!(seen(&node, &steward, "").await["proposals"][0]["own"], Value::Null);
        assert_eq!(vote(&node, &steward, &id.to_string(), approve).await.status, StatusCode::NO_CONTENT);
        assert_eq!(seen(&node, &steward, "").await["proposals"][0]["own"], side);
    }
}

#[tokio::test]
async fn a_transaction_waits_no_longer_than_the_network_allows() {
    let (node, steward) = at_work().await;
    for (allowed, lifetime) in [(1_000_000, 2_000), (10_000, 2_000), (4_000, 2_000), (16, 8)] {
        node.chain.change_network(|network| network.parameters.transaction_lifetime_blocks_max = allowed);
        let head = node.gateway.chain().head().height;
        proposed(&node, &steward, &remove()).await;
        let block = node.gateway.chain().block(head + 1).await.expect("a block");
        assert_eq!(block.block.transactions[0].valid_until, head + lifetime, "{allowed}");
    }
}

#[tokio::test]
async fn a_change_that_was_carried_out_is_shown_beside_what_it_replaced() {
    let (node, steward) = at_work().await;
    let named = |name: &'static str| {
        move |organisation: &mut Organisation| {
            organisation.peer_url = salus_types::Text::new("https://127.0.0.1:1").expect("short");
            organisation.name = salus_types::Text::new(name).expect("short");
        }
    };
    let mut made = Vec::new();
    for name in ["First", "Second", "Third"] {
        let file = application(&node, &node.party, named(name));
        made.push(proposed(&node, &steward, &json!({ "kind": "update", "application": file })).await);
    }
    // The second is carried out last, the third not at all.
    for (at, decided, outcome) in
        [(0, 70, Outcome::Executed), (1, 90, Outcome::Executed), (2, 80, Outcome::Refused)]
    {
        change_proposal(&node, made[at], |entry| (entry.decided, entry.outcome) = (Some(decided), outcome));
    }
    node.chain.change_network(|network| named("Second")(&mut network.members[0].organisation));
    let found = seen(&node, &steward, "").await;
    let difference = |at: usize| found["proposals"][at]["change"]["differences"].clone();
    let name = |from: &str, to: &str| json!([{ "field": "name", "from": from, "to": to }]);
    assert_eq!(difference(0), name("Second", "Third"), "as it would be now");
    assert_eq!(difference(1), name("First", "Second"));
    assert_eq!(difference(2), name("The hospital-a", "First"));
}

#[tokio::test]
async fn proposals_come_newest_first_and_fifty_at_once() {
    let (node, steward) = at_work().await;
    for _ in 0..53 {
        proposed(&node, &steward, &remove()).await;
    }
    for (query, expected) in [
        ("", (3..53).rev().collect::<Vec<_>>()),
        ("?before=3", vec![2, 1, 0]),
        ("?before=1", vec![0]),
        ("?before=0", vec![]),
        ("?before=999", (3..53).rev().collect()),
    ] {
        let found = seen(&node, &steward, query).await;
        let rows = found["proposals"].as_array().expect("rows");
        let numbers: Vec<_> = rows.iter().map(|row| row["number"].as_u64().expect("number")).collect();
        assert_eq!(numbers, expected, "{query}");
    }
}

#[tokio::test]
async fn who_is_no_member_looks_on_and_has_no_say() {
    let (one, other) = (Party::new("hospital-b"), Party::new("hospital-c"));
    let genesis = genesis(&[(&one, "https://127.0.0.1:1"), (&other, "https://127.0.0.1:2")]);
    let node = node_of(Party::new("hospital-a"), genesis, |_| {}).await;
    let steward = signed_in(&node, Role::Steward).await;
    let members = seen(&node, &steward, "").await["members"].clone();
    assert!(members.as_array().expect("rows").iter().all(|member| member["own"] == false));
    let answer = propose(&node, &steward, &remove()).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.json()["message"], "the signer is not an organisation of this network");
}

#[tokio::test]
async fn members_are_those_of_now_wherever_they_are_listed() {
    let (node, steward) = at_work().await;
    let mut clinic = Party::new("clinic").member("https://127.0.0.1:3");
    clinic.class = Class::Regulator;
    let entry = OrganisationEntry { organisation: clinic, slot: 2, since: 7 };
    node.chain.change_network(|network| {
        network.members.remove(1);
        network.members.push(entry);
    });
    let ids = |rows: &Value, field: &str| {
        let rows = rows.as_array().expect("rows").iter();
        rows.map(|row| row[field].as_str().expect("id").to_owned()).collect::<Vec<_>>()
    };
    let expected = ["hospital-a", "clinic"];
    let listed = steward.get(&node, "/ledger/organisations").await.json();
    assert_eq!(ids(&listed, "id"), expected);
    let network = steward.get(&node, "/staff/network").await.json();
    assert_eq!(ids(&network["organisations"], "organisation"), expected);
    let governance = seen(&node, &steward, "").await;
    assert_eq!(ids(&governance["members"], "id"), expected);
    assert_eq!(governance["network"]["epoch"], 1);
}
