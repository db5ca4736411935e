//! Loading records, through a hospital's FHIR API as one of its own systems would.

use super::report::Client;
use crate::client;
use crate::token;
use anyhow::Context as _;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Tokens live five minutes; a new one is fetched after this time.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(200);
/// NDJSON lines in one transaction.
const LINES_PER_TRANSACTION: usize = 200;

/// Sends transactions to one hospital.
pub(crate) struct Loader {
    http: reqwest::Client,
    fhir: String,
    client: Client,
    token: Option<(String, Instant)>,
}

impl Loader {
    pub(crate) fn new(fhir: &str, client: &Client) -> anyhow::Result<Self> {
        Ok(Self { http: client::http()?, fhir: fhir.to_owned(), client: client.clone(), token: None })
    }

    async fn token(&mut self) -> anyhow::Result<String> {
        if let Some((token, fetched)) = &self.token
            && fetched.elapsed() < TOKEN_AGE_MAX
        {
            return Ok(token.clone());
        }
        let token = token::system_token(&self.client).await?;
        self.token = Some((token.clone(), Instant::now()));
        Ok(token)
    }

    /// Posts a transaction bundle; returns the answer's bundle.
    pub(crate) async fn post(&mut self, bundle: &Value) -> anyhow::Result<Value> {
        let request = self
            .http
            .post(&self.fhir)
            .bearer_auth(self.token().await?)
            .header("content-type", "application/fhir+json")
            .body(bundle.to_string());
        client::json(request.send().await.context("the FHIR API does not answer")?).await
    }
}

/// A Patient resource as it was sent, and the `Patient/ID` under which it is kept.
pub(crate) struct Sent {
    pub(crate) resource: Value,
    pub(crate) reference: String,
}

/// The patients that a transaction created or updated: an answer has its entries in the order of the request's.
pub(crate) fn patients_of(bundle: &Value, answer: &Value) -> Vec<Sent> {
    let entries = |bundle: &Value| bundle["entry"].as_array().cloned().unwrap_or_default();
    let pairs = entries(bundle).into_iter().zip(entries(answer));
    pairs
        .filter_map(|(mut sent, got)| {
            let id = id_of(&got, "Patient")?;
            let resource = sent["resource"].take();
            (resource["resourceType"] == "Patient")
                .then(|| Sent { reference: format!("Patient/{id}"), resource })
        })
        .collect()
}

/// The id that an entry of a transaction's answer tells of a resource of this type.
pub(crate) fn id_of<'a>(entry: &'a Value, kind: &str) -> Option<&'a str> {
    let location = entry["response"]["location"].as_str()?;
    location.split(&format!("{kind}/")).nth(1)?.split('/').next()
}

/// What a person tells a second hospital at the front desk: a Patient resource of its own there.
pub(crate) fn registration(patient: &Value) -> Value {
    let mut own = json!({ "resourceType": "Patient", "active": true });
    for field in ["name", "gender", "birthDate", "telecom", "address"] {
        if !patient[field].is_null() {
            own[field] = patient[field].clone();
        }
    }
    own
}

/// A patient's name as people write it.
pub(crate) fn name_of(patient: &Value) -> String {
    let name = &patient["name"][0];
    let given = name["given"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let parts: Vec<&str> = given.chain(name["family"].as_str()).collect();
    if parts.is_empty() { "Patient without a name".to_owned() } else { parts.join(" ") }
}

/// A transaction with one entry, which keeps the id that it names.
pub(crate) fn put(resource: Value, id: &str) -> Value {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let url = format!("{kind}/{id}");
    let mut resource = resource;
    resource["id"] = id.into();
    json!({
        "resourceType": "Bundle", "type": "transaction",
        "entry": [{ "resource": resource, "request": { "method": "PUT", "url": url } }],
    })
}

/// The bundles of a folder in the order in which they must be loaded: shared resources (hospitals,
/// practitioners) first.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|path| path.extension().is_some_and(|kind| kind == "json" || kind == "ndjson"));
    files.sort_by_key(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let shared = ["Information", "Organization", "Practitioner", "Location"];
        let rank = if shared.iter().any(|part| name.contains(part)) { 0 } else { 1 };
        // Practitioners refer to organisations and patients to both, so the plain names sort well enough.
        (rank, !name.contains("hospital"), !name.contains("Patient"), name)
    });
    Ok(files)
}

/// The transactions of a file: a bundle as it is, NDJSON as updates that keep the resources' ids.
pub(crate) fn transactions(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if path.extension().is_some_and(|kind| kind == "json") {
        let bundle: Value = serde_json::from_str(&text).with_context(|| format!("`{}`", path.display()))?;
        let is_bundle = bundle["resourceType"] == "Bundle" && bundle["type"] == "transaction";
        return Ok(if is_bundle { vec![repeatable(bundle)] } else { Vec::new() });
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.chunks(LINES_PER_TRANSACTION).map(transaction_of).collect()
}

/// The transaction with creations turned into updates under the ids that their `urn:uuid`s give, so that a load which
/// was interrupted can be done again. Conditional creations can be as they are.
fn repeatable(mut bundle: Value) -> Value {
    for entry in bundle["entry"].as_array_mut().into_iter().flatten() {
        let id = entry["fullUrl"].as_str().and_then(|url| url.strip_prefix("urn:uuid:")).map(str::to_owned);
        let create = entry["request"]["method"] == "POST" && entry["request"]["ifNoneExist"].is_null();
        if let (Some(id), true, Some(kind)) = (id, create, entry["resource"]["resourceType"].as_str()) {
            entry["request"] = json!({ "method": "PUT", "url": format!("{kind}/{id}") });
            entry["resource"]["id"] = id.into();
        }
    }
    bundle
}

fn transaction_of(lines: &[&str]) -> anyhow::Result<Value> {
    let entries = lines.iter().map(|line| {
        let resource: Value = serde_json::from_str(line).context("a line is not JSON")?;
        let (kind, id) = (&resource["resourceType"], &resource["id"]);
        let url = format!("{}/{}", kind.as_str().context("no type")?, id.as_str().context("no id")?);
        Ok(json!({ "resource": resource, "request": { "method": "PUT", "url": url } }))
    });
    let entries = entries.collect::<anyhow::Result<Vec<Value>>>()?;
    Ok(json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }))
}
