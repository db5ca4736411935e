//! From a write to the notification at a receiver on this machine: from the moment at which the writer has its answer.
//!
//! A system subscribes to one patient's record, `id-only`, and writes one result after the other.

use super::super::chart::lab;
use super::super::figure::{Figure, percentile};
use super::Extent;
use super::history::Loaded;
use super::site::{PATIENCE, Site};
use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use hyper::Method;
use serde_json::json;
use std::time::Instant;
use tokio::sync::mpsc;

const GUIDE: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";
const TOPIC: &str = "https://salus.network/fhir/SubscriptionTopic/patient-record-changed";
/// Notifications that wait to be looked at.
const RECEIVED_MAX: usize = 1_024;

/// A notification and when it came.
type Received = (Instant, String);

/// Somebody who receives notifications.
pub(super) struct Receiver {
    /// `host:port`
    pub(super) host: String,
    received: mpsc::Receiver<Received>,
}

impl Receiver {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let host = listener.local_addr()?.to_string();
        let (sender, received) = mpsc::channel(RECEIVED_MAX);
        let router = Router::new().fallback(take).with_state(sender);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { host, received })
    }

    /// Waits for a notification that has this in it; when it came.
    async fn until(&mut self, text: &str) -> anyhow::Result<Instant> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.received.recv()).await;
            let (at, body) = next.context("no notification comes")?.context("nobody listens")?;
            if body.contains(text) {
                return Ok(at);
            }
        }
    }
}

async fn take(State(sender): State<mpsc::Sender<Received>>, body: String) -> StatusCode {
    match sender.send((Instant::now(), body)).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::GONE,
    }
}

pub(super) async fn measure(site: &mut Site, loaded: &Loaded, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let patient = loaded.patients.first().context("no patient")?;
    let mut gateway = site.gateway(None).await?;
    let subscription = json!({
        "resourceType": "Subscription", "status": "requested", "reason": "bench", "criteria": TOPIC,
        "_criteria": { "extension": [
            { "url": format!("{GUIDE}backport-filter-criteria"), "valueString": format!("Observation?patient=Patient/{patient}") },
        ] },
        "channel": {
            "type": "rest-hook", "endpoint": format!("http://{}/hook", site.receiver.host),
            "payload": "application/fhir+json",
            "_payload": { "extension": [{ "url": format!("{GUIDE}backport-payload-content"), "valueCode": "id-only" }] },
        },
    });
    gateway.send(Method::POST, "/fhir/Subscription", subscription.to_string().into()).await?;
    site.receiver.until("handshake").await?;
    let mut times = Vec::new();
    for number in 0..extent.notifications {
        let id = format!("told-{number}");
        let mut resource = lab(&format!("Patient/{patient}"), number);
        resource["id"] = json!(id);
        let path = format!("/fhir/Observation/{id}");
        gateway.send(Method::PUT, &path, resource.to_string().into()).await?;
        let written = Instant::now();
        let told = site.receiver.until(&format!("Observation/{id}\"")).await?;
        times.push(told.saturating_duration_since(written).as_secs_f64() * 1e3);
    }
    let p99 = percentile(&mut times, 99);
    Ok(vec![
        Figure::of("from a write to its notification", "ms", "", times),
        Figure::of("from a write to its notification, p99", "ms", "", vec![p99]),
    ])
}
