//! What was erased does not come back by a feed, and what waits about it goes.

use super::{Clinic, RESULT, framed, listen, message, mllp_feed, node, said};
use crate::erasure::{Named, Scope, testing_erase};
use crate::error::Code;
use crate::feeds::{desk, rows};
use crate::log::{Page, Who};
use crate::testing::Node;
use axum::http::StatusCode;
use salus_types::category::Category;
use salus_types::erasure::ErasureGround;
use std::net::SocketAddr;

/// A hospital with a result of Jane Doe, number 4711.
async fn hospital() -> (Node, Clinic, SocketAddr, Vec<u8>) {
    let (node, clinic) = node(None).await;
    let address = listen(&node, mllp_feed(&["127.0.0.1"])).await;
    let result = framed(&message("ORU^R01", "c1", RESULT));
    assert_eq!(said(address, &[&result], 1).await, ["AA"]);
    (node, clinic, address, result)
}

fn jane(clinic: &Clinic) -> String {
    clinic.all("Patient")[0].1["id"].as_str().expect("id").to_owned()
}

fn results(clinic: &Clinic) -> Vec<Named> {
    let of = |kind: &str| {
        let all = clinic.all(kind).into_iter();
        all.map(|(_, one)| Named { kind: kind.into(), id: one["id"].as_str().expect("id").into() })
            .collect::<Vec<_>>()
    };
    [of("Observation"), of("DiagnosticReport")].concat()
}

async fn erase(node: &Node, clinic: &Clinic, scope: Scope, ground: ErasureGround) {
    let left = testing_erase(&node.gateway, &jane(clinic), (scope, ground), results(clinic)).await;
    assert!(!left && clinic.all("Observation").is_empty());
}

fn waiting(node: &Node) -> Vec<String> {
    let waiting = desk::waiting(&node.gateway, "lab").expect("waiting");
    waiting.into_iter().map(|one| one.reason).collect()
}

const UNLAWFUL: ErasureGround = ErasureGround::Unlawful;

#[tokio::test]
async fn a_message_that_would_bring_back_what_was_erased_waits_until_a_steward_lets_it_in() {
    let (node, clinic, address, result) = hospital().await;
    erase(&node, &clinic, Scope::Everything {}, UNLAWFUL).await;
    // However often it is sent, and from whatever end: it waits, once.
    assert_eq!(said(address, &[&result, &result], 2).await, ["AE", "AE"]);
    assert_eq!(waiting(&node), ["it holds records that were erased here, and would bring them back"]);
    let replayed = desk::replay(&node.gateway, "lab", None).await.expect("replay");
    assert_eq!((replayed.failed, clinic.all("Observation").len()), (1, 0));

    let steward = Who::Practitioner {
        id: "root".into(),
        name: "Sten".into(),
        role: "steward".into(),
        commitment: salus_types::Digest([1; 32]),
    };
    let restore = |reason: &'static str| desk::restore(&node.gateway, "lab", 0, steward.clone(), reason);
    assert_eq!(restore("  ").await.expect_err("no reason").code(), Code::Invalid);
    assert_eq!(restore("The patient asked for it.").await.expect("restored").filed, 1);
    assert_eq!(clinic.all("Observation").len(), 1);
    let newest = node.gateway.log.newest(Page::default()).await.expect("log").remove(0).access;
    assert_eq!(newest.who, steward);
    assert_eq!(newest.reason, "records that were erased are let in again: The patient asked for it.");
    assert_eq!(newest.patient, Some(jane(&clinic)));
    // From now on it is a record like others.
    assert_eq!(said(address, &[&result], 1).await, ["AA"]);
    assert!(waiting(&node).is_empty());
    assert_eq!(restore("again").await.expect_err("gone").code(), Code::NotFound);
}

#[tokio::test]
async fn what_waits_for_another_reason_is_not_let_in_so() {
    let (node, clinic, address, _) = hospital().await;
    clinic.refuse(Some(StatusCode::UNPROCESSABLE_ENTITY));
    let other = framed(&message("ORU^R01", "c2", &RESULT.replace("F1", "F2")));
    assert_eq!(said(address, &[&other], 1).await, ["AE"]);
    let refused = desk::restore(&node.gateway, "lab", 0, Who::Node, "now").await.expect_err("refused");
    assert_eq!(refused.code(), Code::Conflict);
}

#[tokio::test]
async fn an_erasure_destroys_what_waits_about_it_and_nothing_else() {
    let labs = || Scope::Category { category: Category::Labs };
    for (scope, ground, left) in [
        (Scope::Everything {}, UNLAWFUL, vec!["another's", "another's unreadable"]),
        // The young result that waits is to be kept by law; the one that nobody can read is not.
        (
            Scope::Everything {},
            ErasureGround::PatientRequest,
            vec!["young", "another's", "another's unreadable"],
        ),
        (labs(), UNLAWFUL, vec!["another's", "another's unreadable"]),
        (
            Scope::Category { category: Category::Imaging },
            UNLAWFUL,
            vec!["young", "another's", "another's unreadable"],
        ),
    ] {
        let (node, clinic, address, _) = hospital().await;
        clinic.refuse(Some(StatusCode::UNPROCESSABLE_ENTITY));
        let young = message("ORU^R01", "c2", &RESULT.replace("F1", "F2"));
        let other = message("ORU^R01", "c3", RESULT).replace("4711", "4712");
        // Bytes that are no UTF-8.
        let unreadable = |message: &str| -> Vec<u8> {
            let framed = framed(message).into_iter();
            framed.map(|byte| if byte == b'J' { 0xff } else { byte }).collect()
        };
        let letters = [
            ("young", framed(&young)),
            ("unreadable", unreadable(&young)),
            ("another's", framed(&other)),
            ("another's unreadable", unreadable(&other)),
        ];
        for (name, letter) in &letters {
            assert_eq!(said(address, &[letter], 1).await, ["AE"], "{name}");
        }
        assert_eq!(waiting(&node).len(), 4);
        let what = format!("{scope:?} {ground:?}");
        erase(&node, &clinic, scope, ground).await;
        let waiting = desk::waiting(&node.gateway, "lab").expect("waiting");
        let names: Vec<_> = waiting.iter().map(|one| letters[one.number as usize].0).collect();
        assert_eq!(names, left, "{what}");
        let state = rows::state(&node.gateway, "lab").expect("state");
        assert_eq!((state.waiting, state.discarded), (left.len() as u64, 4 - left.len() as u64));
    }
}

#[tokio::test]
async fn a_message_that_waits_waits_once_however_often_it_is_sent() {
    let (node, clinic, address, _) = hospital().await;
    clinic.refuse(Some(StatusCode::UNPROCESSABLE_ENTITY));
    let other = framed(&message("ORU^R01", "c2", &RESULT.replace("F1", "F2")));
    assert_eq!(said(address, &[&other, &other], 2).await, ["AE", "AE"]);
    assert_eq!(waiting(&node).len(), 1);
    desk::discard(&node.gateway, "lab", 0, "root", "by mistake").await.expect("discarded");
    // What a person has thrown away and comes again is looked at again.
    assert_eq!(said(address, &[&other], 1).await, ["AE"]);
    assert_eq!(waiting(&node).len(), 1);
}
