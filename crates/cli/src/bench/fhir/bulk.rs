//! Records of many patients out and in: `$export` of everything, `$import` of a file.
//!
//! An export is measured from the request until the last byte of the last file; an import until its status says that it is
//! complete, when every line is on disk.

use super::super::chart::lab;
use super::super::figure::Figure;
use super::super::http::Connection;
use super::Extent;
use super::history::Loaded;
use super::site::{IMPORTS, PATIENCE, Site};
use super::usage::{self, Usage};
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// How often a job is asked whether it is done.
const POLL: Duration = Duration::from_millis(50);
const LATER: [(&str, &str); 1] = [("prefer", "respond-async")];

/// Everything that a system may read, as files.
pub(super) async fn export(site: &Site) -> anyhow::Result<Vec<Figure>> {
    let mut gateway = site.gateway(None).await?;
    let (before, begin) = (Usage::now(site)?, Instant::now());
    let manifest = job(&mut gateway, Method::GET, "/fhir/$export", Bytes::new()).await?;
    let made = begin.elapsed().as_secs_f64();
    let (mut lines, mut bytes) = (0, 0);
    for file in manifest["output"].as_array().into_iter().flatten() {
        let path = path_of(file["url"].as_str().context("no address")?);
        let text = gateway.send(Method::GET, path, Bytes::new()).await?;
        lines += text.iter().filter(|byte| **byte == b'\n').count();
        bytes += text.len();
    }
    let taken = begin.elapsed().as_secs_f64();
    let usage = Usage::now(site)? - before;
    ensure!(lines > 0, "the export is empty");
    let rate = |seconds: f64| vec![lines as f64 / seconds];
    let mut figures = vec![
        Figure::of("export of everything", "resources", "", vec![lines as f64]),
        Figure::of("export of everything, all files fetched", "resources/s", ">= 5,000", rate(taken)),
        Figure::of("export of everything, until the manifest", "resources/s", "", rate(made)),
        Figure::of("export of everything, its files", "MB", "", vec![bytes as f64 / 1e6]),
    ];
    figures.extend(usage::figures("export of everything", &[(usage, lines as f64)]));
    Ok(figures)
}

/// A file of laboratory results of the patients that are there.
pub(super) async fn import(site: &Site, loaded: &Loaded, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let mut text = String::new();
    for number in 0..extent.lines {
        let patient = &loaded.patients[number % loaded.patients.len()];
        let mut resource = lab(&format!("Patient/{patient}"), number);
        resource["id"] = json!(format!("imported-{number}"));
        text += &resource.to_string();
        text.push('\n');
    }
    fs::write(site.home().join(IMPORTS).join("results.ndjson"), text)?;
    let order = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "file", "valueString": "results.ndjson" },
    ] });
    let mut gateway = site.gateway(None).await?;
    let (before, begin) = (Usage::now(site)?, Instant::now());
    let done = job(&mut gateway, Method::POST, "/fhir/$import", order.to_string().into()).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let usage = Usage::now(site)? - before;
    let lines = extent.lines as f64;
    ensure!(done["written"].as_u64() == Some(extent.lines as u64), "not every line was written: {done}");
    let mut figures =
        vec![Figure::of("import of laboratory results", "resources/s", "", vec![lines / seconds])];
    figures.extend(usage::figures("import of laboratory results", &[(usage, lines)]));
    Ok(figures)
}

/// Begins a job and waits for its end; what its status says then.
async fn job(gateway: &mut Connection, method: Method, path: &str, body: Bytes) -> anyhow::Result<Value> {
    let (begun, _) = gateway.exchange(method, path, &LATER, body).await?;
    let status = begun.headers.get("content-location").context("no address of the status")?;
    let status = path_of(status.to_str()?).to_owned();
    let begin = Instant::now();
    loop {
        let (parts, answer) = gateway.exchange(Method::GET, &status, &[], Bytes::new()).await?;
        if parts.status == StatusCode::OK {
            return Ok(serde_json::from_slice(&answer)?);
        }
        ensure!(begin.elapsed() < PATIENCE, "the job does not end");
        tokio::time::sleep(POLL).await;
    }
}

/// Path and query of an address.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn a_path_is_what_follows_the_host() {
        for (url, path) in [
            ("https://localhost:1/fhir/$export/a?b=c", "/fhir/$export/a?b=c"),
            ("/fhir/x", "/fhir/x"),
            ("https://localhost", "/"),
        ] {
            assert_eq!(path_of(url), path);
        }
    }
}
