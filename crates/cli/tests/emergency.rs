//! How long it takes in an emergency, through four real processes: `cargo xtask bench emergency`.

mod common;

use common::steward::Steward;
use common::{Demo, eventually};
use serde_json::{Value, json};
use std::time::Instant;

/// Emergencies that are measured.
const RUNS: usize = 60;

/// From the request to the answer with the summary that another hospital keeps: the reason is in the access log, the
/// other organisations were asked, the event is final, three holders gave their parts, and the summary is opened.
#[test]
#[ignore = "a measurement"]
fn from_the_request_to_the_summary() {
    let Some(demo) = Demo::start(23_000, &["--patients", "1", "--seed", "13"]) else { return };
    let doctor = Steward::join_as(&demo, "hospital-b", "dora", "clinician");
    let ask = json!({
        "patient": demo.patient_id(0, "hospital-b"),
        "ground": "unconscious",
        "reason": "Found unconscious at the station",
    });
    let mut took = Vec::new();
    for _ in 0..RUNS {
        // The key is replaced after each: the next one waits until it lies with its holders.
        eventually("the summary opens", || {
            let begun = Instant::now();
            let opened = doctor.post("/staff/emergency", &ask);
            let elapsed = begun.elapsed().as_secs_f64() * 1e3;
            assert_eq!(opened.status, 200, "{}", opened.body);
            let is_open = is_opened(&opened.body);
            took.extend(is_open.then_some(elapsed));
            is_open
        });
    }
    took.sort_by(f64::total_cmp);
    let at = |per_cent: usize| took.get((took.len() - 1) * per_cent / 100).copied().unwrap_or(f64::NAN);
    println!("emergency, from the request to the summary, {} runs:", took.len());
    println!("p50 {:.0} ms, p95 {:.0} ms (goal 3,000), slowest {:.0} ms", at(50), at(95), at(100));
}

fn is_opened(answer: &Value) -> bool {
    let sources = answer["sources"].as_array().into_iter().flatten();
    sources
        .filter(|one| one["organisation"] == "hospital-a")
        .any(|one| one["summary"]["resourceType"] == "Bundle")
}
