//! Attacks, one file for each risk of the OWASP API Security Top 10 (2023): <https://owasp.org/API-Security/>.
//!
//! Every attack has a name, what it must be answered with, and a harmless twin that must succeed, so that nothing is
//! safe only because nothing works. Each is tried at a hospital of its own.

mod api1;
mod api10;
mod api2;
mod api3;
mod api4;
mod api5;
mod api6;
mod api7;
mod api8;
mod api9;

use super::world::{Answer, CANARY, World};
use crate::engine::fake::Fault;
use crate::state::Config;
use axum::body::Body;
use axum::http::{Request, header};
use std::collections::HashSet;

/// Who asks.
#[derive(Clone, Copy)]
enum Who {
    Nobody,
    /// With p1's chart, by a token.
    Clinician,
    /// By a token.
    System(&'static str),
    /// Signed in at the portal, by practitioner id.
    Staff(&'static str),
    /// With something that is made of a good token, as the whole header.
    Bent(fn(&str) -> String),
}

use Who::{Bent, Clinician, Nobody, Staff, System};

/// A request.
#[derive(Clone)]
struct Ask {
    who: Who,
    method: &'static str,
    path: String,
    kind: &'static str,
    body: fn(&World) -> String,
    text: String,
    headers: Vec<(&'static str, String)>,
    /// How often it is sent; the last answer counts.
    times: usize,
    fault: Fault,
}

impl Ask {
    fn new(who: Who, method: &'static str, path: impl Into<String>) -> Self {
        let kind = "application/fhir+json";
        let (path, text, headers) = (path.into(), String::new(), Vec::new());
        Self { who, method, path, kind, body: |_| String::new(), text, headers, times: 1, fault: Fault::None }
    }

    fn get(who: Who, path: impl Into<String>) -> Self {
        Self::new(who, "GET", path)
    }

    fn post(who: Who, path: impl Into<String>, kind: &'static str, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), ..Self::new(who, "POST", path) }
    }

    fn json(who: Who, path: &str, text: impl Into<String>) -> Self {
        Self::post(who, path, "application/json", text)
    }

    fn fhir(who: Who, path: &str, text: impl Into<String>) -> Self {
        Self::post(who, path, "application/fhir+json", text)
    }

    fn form(who: Who, path: &str, text: impl Into<String>) -> Self {
        Self::post(who, path, "application/x-www-form-urlencoded", text)
    }

    fn octets(path: &str, text: impl Into<String>) -> Self {
        Self::post(Nobody, path, crate::body::OCTETS, text)
    }

    /// A form that only the hospital's data can make.
    fn made(path: &str, body: fn(&World) -> String) -> Self {
        Self { body, ..Self::form(Nobody, path, "") }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    fn engine(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    async fn send(&self, world: &World) -> Answer {
        world.engine.fail(self.fault);
        let bearer = |token: String| Some((header::AUTHORIZATION, format!("Bearer {token}")));
        let shown = match self.who {
            Nobody => None,
            Clinician => bearer(world.clinician()),
            System(scopes) => bearer(world.system(scopes)),
            Staff(id) => Some((header::COOKIE, world.gateway.staff.testing_session(id).await)),
            Bent(bend) => Some((header::AUTHORIZATION, bend(&world.clinician()))),
        };
        let made = (self.body)(world);
        let text = if made.is_empty() { &self.text } else { &made };
        let mut answer = None;
        for _ in 0..self.times {
            let mut request = Request::builder().method(self.method).uri(&self.path);
            request = request.header(header::CONTENT_TYPE, self.kind);
            if !self.headers.iter().any(|(name, _)| *name == "origin") {
                request = request.header(header::ORIGIN, crate::testing::ORIGIN);
            }
            for (name, value) in &self.headers {
                request = request.header(*name, value);
            }
            if let Some((name, value)) = &shown {
                request = request.header(name, value);
            }
            let request = request.body(Body::from(text.clone())).expect("request");
            answer = Some(world.send(request).await);
        }
        answer.expect("it is sent at least once")
    }
}

/// An attack: its name, itself, status and code of the answer, and its twin.
type Attack = (&'static str, Ask, (u16, &'static str), Ask);

fn usual(_: &mut Config) {}

/// Tries every attack, and every twin, each at a hospital of its own.
async fn check(attacks: Vec<Attack>, change: fn(&mut Config)) {
    let mut wrong = Vec::new();
    for (name, attack, (status, code), twin) in attacks {
        let world = World::changed(change).await;
        let answer = attack.send(&world).await;
        if code == "not-supported" && world.engine.asked() > 0 {
            wrong.push(format!("{name}: it reached the engine"));
        }
        if (answer.status.as_u16(), answer.code().as_str()) != (status, code) {
            wrong.push(format!(
                "{name}: {} `{}`, not {status} `{code}`: {}",
                answer.status,
                answer.code(),
                answer.body
            ));
        }
        let headers = format!("{:?}", answer.headers).to_lowercase();
        let all = format!("{headers}{}", answer.body.to_lowercase());
        if all.contains(&CANARY.to_lowercase()) {
            wrong.push(format!("{name}: shows what it must not: {all}"));
        }
        if headers.contains("access-control-allow") {
            wrong.push(format!("{name}: opens itself to pages of others"));
        }
        let answer = twin.send(&World::changed(change).await).await;
        if !answer.status.is_success() {
            wrong.push(format!("{name}: its harmless twin fails: {} {}", answer.status, answer.body));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The twin of whatever reads.
fn own_record() -> Ask {
    Ask::get(Clinician, "/fhir/Observation/o1")
}

#[test]
fn every_risk_has_at_least_five_named_attacks() {
    let risks = [
        api1::attacks(),
        api2::attacks(),
        api3::attacks(),
        api4::attacks(),
        api5::attacks(),
        api6::attacks(),
        api7::attacks("127.0.0.1:1"),
        api8::attacks(),
        api9::attacks(),
        api10::attacks(),
    ];
    let mut names = HashSet::new();
    for (at, attacks) in risks.iter().enumerate() {
        assert!(attacks.len() >= 5, "API{}: {}", at + 1, attacks.len());
        for (name, ..) in attacks {
            assert!(names.insert(*name), "`{name}` twice");
        }
    }
}

#[tokio::test]
#[should_panic(expected = "shows what it must not")]
async fn an_attack_that_succeeds_is_reported() {
    let reads = Ask::get(System("system/*.cruds"), "/fhir/Observation/o2");
    check(vec![("a planted success", reads, (200, ""), own_record())], usual).await;
}
