//! API2:2023, broken authentication: tokens and cookies that nobody was given.

use super::{Ask, Attack, Bent, Nobody, Staff, check, own_record, usual};

pub(super) fn attacks() -> Vec<Attack> {
    let bent = |bend: fn(&str) -> String| Ask::get(Bent(bend), "/fhir/Observation/o1");
    let who = (401, "sign-in");
    vec![
        ("a token without its signature", bent(|token| format!("Bearer {}.", cut(token))), who, own_record()),
        (
            "a token with a changed signature",
            bent(|token| format!("Bearer {}.AAAA", cut(token))),
            who,
            own_record(),
        ),
        (
            "a token that says it needs no signature",
            bent(|token| format!("Bearer {NONE}.{}.", claims(token))),
            who,
            own_record(),
        ),
        ("a token of nonsense", bent(|_| "Bearer a.b.c".into()), who, own_record()),
        ("no token after the scheme", bent(|_| "Bearer".into()), who, own_record()),
        ("another scheme", bent(|token| format!("Basic {token}")), who, own_record()),
        ("something after the token", bent(|token| format!("Bearer {token} x")), who, own_record()),
        ("a token in the URL", Ask::get(Nobody, "/fhir/Observation/o1?access_token=x"), who, own_record()),
        (
            "a cookie that nobody was given",
            Ask::get(Nobody, "/staff/me").with("cookie", "salus_staff_hospital-a=00"),
            who,
            Ask::get(Staff("dr-bo"), "/staff/me"),
        ),
        (
            "a patient's cookie where staff have one",
            Ask::get(Nobody, "/staff/me").with("cookie", "salus_account_hospital-a=00"),
            who,
            Ask::get(Staff("dr-bo"), "/staff/me"),
        ),
        (
            "a joining code that was guessed",
            Ask::json(Nobody, "/staff/join/start", r#"{"code":"0000000000000000"}"#),
            (410, "gone"),
            Ask::json(Nobody, "/staff/signin/start", "{}"),
        ),
    ]
}

/// `{"alg":"none","typ":"at+jwt"}`
const NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";

fn cut(token: &str) -> &str {
    token.rsplit_once('.').expect("three parts").0
}

fn claims(token: &str) -> &str {
    token.split('.').nth(1).expect("three parts")
}

#[tokio::test]
async fn every_attack_fails_and_its_twin_succeeds() {
    check(attacks(), usual).await;
}
