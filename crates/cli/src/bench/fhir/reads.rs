//! Reads and searches: through the gateway and from the engine, in turn.
//!
//! Reads are of all types that the histories have, in an order that jumps between patients. A search is one of six that
//! charts are made of, for each patient in turn, ten entries a page; one of them, results by patient and code, which reads
//! most of a patient's index, is also measured alone. A clinician asks within one patient's chart.

use super::super::figure::{Figure, percentile};
use super::super::http::Connection;
use super::clients::{Asked, CLIENTS, ask};
use super::history::Loaded;
use super::site::{HOSPITAL, Site};
use super::{Extent, usage};
use crate::token::User;
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use hyper::Method;
use salus_types::category::Purpose;
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

/// A search of a patient's chart; `PATIENT` stands for the id.
const SEARCHES: [&str; 6] = [
    "Condition?patient=PATIENT&_count=10",
    "MedicationRequest?patient=PATIENT&_count=10",
    "Encounter?patient=PATIENT&_count=10",
    "Immunization?patient=PATIENT&_count=10",
    "AllergyIntolerance?patient=PATIENT&_count=10",
    RESULTS,
];
/// Body heights.
const RESULTS: &str = "Observation?patient=PATIENT&code=http://loinc.org|8302-2&_count=10";
/// Far more than this many resources are not told apart by any cache.
const READS_MAX: usize = 20_000;
/// Requests for the CapabilityStatement in a run.
const METADATA_READS: usize = 100;

/// Something that is asked of both sides.
struct Measured<'a> {
    what: &'a str,
    goal: &'static str,
    latency: &'static str,
    paths: Vec<String>,
    user: Option<&'a User>,
}

pub(super) async fn measure(site: &Site, loaded: &Loaded, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let chart = chart(site)?;
    let of_chart = in_chart(site, &chart).await?;
    let searches = |list: &[&str]| -> Vec<String> {
        let of = |search: &&str| -> Vec<String> {
            loaded.patients.iter().map(|id| format!("/fhir/{}", search.replace("PATIENT", id))).collect()
        };
        list.iter().flat_map(of).collect()
    };
    let reads = jumbled(&loaded.resources).iter().map(|name| format!("/fhir/{name}")).collect();
    let all = [
        Measured { what: "reads by a system", goal: ">= 8,000", latency: "<= 30", paths: reads, user: None },
        Measured { what: "reads by a clinician", goal: "", latency: "", paths: of_chart, user: Some(&chart) },
        Measured {
            what: "searches by a system",
            goal: ">= 1,800",
            latency: "<= 30",
            paths: jumbled(&searches(&SEARCHES)),
            user: None,
        },
        Measured {
            what: "searches of results by patient and code",
            goal: "",
            latency: "",
            paths: searches(&[RESULTS]),
            user: None,
        },
    ];
    let mut figures = Vec::new();
    for one in all {
        figures.extend(both_sides(site, one, extent).await?);
    }
    figures.extend(metadata(site, extent).await?);
    Ok(figures)
}

/// The clinician and the patient whose chart is read.
fn chart(site: &Site) -> anyhow::Result<User> {
    let practitioner = site.report.practitioners.iter().find(|one| one.organisation == HOSPITAL);
    let patient = site.report.patients.first().and_then(|patient| patient.at.get(HOSPITAL));
    Ok(User {
        organisation: HOSPITAL.to_owned(),
        practitioner: practitioner.context("no practitioner")?.id.clone(),
        patient: patient.context("no patient")?.trim_start_matches("Patient/").to_owned(),
        purpose: Purpose::Treatment,
    })
}

/// Paths of what is in a chart.
async fn in_chart(site: &Site, chart: &User) -> anyhow::Result<Vec<String>> {
    let mut gateway = site.gateway(Some(chart)).await?;
    let path = format!("/fhir/Observation?patient={}&_count=200", chart.patient);
    let bundle: Value = serde_json::from_slice(&gateway.send(Method::GET, &path, Bytes::new()).await?)?;
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids = entries.iter().filter_map(|entry| entry["resource"]["id"].as_str());
    let paths: Vec<String> = ids.map(|id| format!("/fhir/Observation/{id}")).collect();
    ensure!(!paths.is_empty(), "the chart is empty");
    Ok(paths)
}

/// In an order in which neighbours come far apart; at most [`READS_MAX`].
fn jumbled(names: &[String]) -> Vec<String> {
    let count = names.len().max(1);
    // A prime, so that every place is visited, unless it divides their number.
    let step = if count.is_multiple_of(7_919) { 1 } else { 7_919 };
    (0..count.min(READS_MAX)).filter_map(|at| names.get(at * step % count)).cloned().collect()
}

async fn both_sides(site: &Site, one: Measured<'_>, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let Measured { what, goal, latency, paths, user } = one;
    let paths = Arc::new(paths);
    let (mut gateway, mut engine) = (Vec::new(), Vec::new());
    for _ in 0..extent.runs {
        // In turn, so that both sides see the same machine.
        gateway.push(ask(site, to_gateway(site, user).await?, &paths, extent.asking).await?);
        engine.push(ask(site, to_engine(site).await?, &paths, extent.asking).await?);
    }
    let of = |side: &[Asked], value: fn(&Asked) -> f64| side.iter().map(value).collect::<Vec<_>>();
    let ratio = gateway.iter().zip(&engine).map(|(gateway, engine)| engine.per_second / gateway.per_second);
    let mut figures = vec![
        Figure::of(what, "1/s", goal, of(&gateway, |asked| asked.per_second)),
        Figure::of(format!("{what}, p50"), "ms", "", of(&gateway, |asked| asked.p50)),
        Figure::of(format!("{what}, p99"), "ms", latency, of(&gateway, |asked| asked.p99)),
        Figure::of(
            format!("{what}: the engine asked directly"),
            "1/s",
            "",
            of(&engine, |asked| asked.per_second),
        ),
        Figure::of(format!("{what}: how many times as many that is"), "", "<= 1.5", ratio.collect()),
    ];
    let used =
        |side: Vec<Asked>| -> Vec<_> { side.into_iter().map(|asked| (asked.usage, asked.count)).collect() };
    figures.extend(usage::figures(what, &used(gateway)));
    figures.extend(usage::figures(&format!("{what}, the engine asked directly"), &used(engine)));
    Ok(figures)
}

async fn to_gateway(site: &Site, user: Option<&User>) -> anyhow::Result<Vec<Connection>> {
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(site.gateway(user).await?);
    }
    Ok(connections)
}

async fn to_engine(site: &Site) -> anyhow::Result<Vec<Connection>> {
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(site.engine().await?);
    }
    Ok(connections)
}

/// The CapabilityStatement, which the node keeps, over one connection: as it is, and as most take it.
async fn metadata(site: &Site, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (what, headers) in [("compressed", &[("accept-encoding", "gzip")][..]), ("not compressed", &[][..])] {
        let mut runs = Vec::new();
        for _ in 0..extent.runs {
            let mut gateway = site.gateway(None).await?;
            let mut times = Vec::new();
            for _ in 0..METADATA_READS {
                let begin = Instant::now();
                gateway.exchange(Method::GET, "/fhir/metadata", headers, Bytes::new()).await?;
                times.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            runs.push(percentile(&mut times, 50));
        }
        figures.push(Figure::of(format!("/fhir/metadata, {what}, p50"), "ms", "<= 2", runs));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::jumbled;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_asked_for_and_neighbours_come_apart() {
        for count in [0, 1, 2, 57, 7_919, 17_000] {
            let names: Vec<String> = (0..count).map(|number| number.to_string()).collect();
            let order = jumbled(&names);
            assert_eq!(order.len(), count);
            assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), count, "{count}");
        }
        let names: Vec<String> = (0..17_000).map(|number| number.to_string()).collect();
        assert_eq!(jumbled(&names)[..3], ["0", "7919", "15838"]);
    }
}
