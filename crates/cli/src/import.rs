//! `salus import`: has a node read records in, as one of its backend clients, and follows it to the end.

use crate::client;
use crate::demo::report::{Client, Report};
use crate::output::Output;
use crate::token;
use anyhow::{Context as _, bail};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Tokens live five minutes; a new one is fetched after this time.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(200);
/// How often the node is asked how far it is.
const ASK_INTERVAL: Duration = Duration::from_secs(2);

/// Answers that may be missing one after the other.
const MISSED_MAX: u32 = 60;

/// Have a node read records in from NDJSON files, and follow it. Exit status 0 (all lines taken), 1 (some were not, or it
/// was stopped).
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A file in the folder that the node's operator named for imports, by its name there. May be repeated.
    #[arg(long = "file")]
    files: Vec<String>,
    /// A URL below one that the operator listed. May be repeated.
    #[arg(long = "url")]
    urls: Vec<String>,
    /// The organisation of a demo network, whose client is used.
    #[arg(long, required_unless_present = "fhir", conflicts_with = "fhir")]
    org: Option<String>,
    /// Folder of the demo network.
    #[arg(long, default_value = crate::demo::FOLDER_DEFAULT)]
    demo: PathBuf,
    /// The FHIR API: `https://a.example/fhir`.
    #[arg(long, requires_all = ["client", "jwk"])]
    fhir: Option<String>,
    /// Id of a client that is registered there with `system/*.cu`, or with some types.
    #[arg(long)]
    client: Option<String>,
    /// The client's private key, as a JSON Web Key.
    #[arg(long)]
    jwk: Option<PathBuf>,
    /// Scopes to ask for.
    #[arg(long, default_value = "system/*.cu")]
    scope: String,
    /// Write here what was not taken: an OperationOutcome for each line.
    #[arg(long)]
    errors: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, output: Output) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(import(arguments, output))
}

async fn import(arguments: &Arguments, output: Output) -> anyhow::Result<ExitCode> {
    let mut api = Api::of(arguments)?;
    let job = api.begin(arguments).await?;
    output.progress(&format!("begun: {job}"));
    let done = api.follow(&job, output).await?;
    let refused = done["error"][0]["count"].as_u64().unwrap_or_default();
    if let (Some(path), Some(url)) = (&arguments.errors, done["error"][0]["url"].as_str()) {
        let letters = client::bytes(api.send(Method::GET, url, None).await?).await?;
        fs::write(path, letters).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let stopped = done["stopped"] == true;
    output.result(&done, || {
        let how = if stopped { "stopped" } else { "done" };
        let (written, same) = (&done["written"], &done["unchanged"]);
        format!("{how}: {written} records written, {same} there already, {refused} lines not taken")
    })?;
    Ok(if stopped || refused > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A FHIR API, and the client that calls it.
struct Api {
    http: reqwest::Client,
    fhir: String,
    client: Client,
    scope: String,
    token: Option<(String, Instant)>,
}

impl Api {
    fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        let (fhir, client) = match (&arguments.fhir, &arguments.client, &arguments.jwk) {
            (Some(fhir), Some(id), Some(jwk)) => {
                let fhir = fhir.trim_end_matches('/').to_owned();
                let base = fhir.strip_suffix("/fhir").context("the FHIR API's URL ends with `/fhir`")?;
                let token_endpoint = format!("{base}/smart/token");
                let client = Client { id: id.clone(), jwk: jwk.clone(), token_endpoint };
                (fhir, client)
            }
            _ => {
                let report = Report::read(&arguments.demo)?;
                let org = arguments.org.as_deref().context("name an organisation, or a FHIR API")?;
                let organisation = report.organisation(org)?;
                let parts = organisation.fhir.clone().zip(organisation.client.clone());
                parts.with_context(|| format!("`{org}` has no FHIR API"))?
            }
        };
        let scope = arguments.scope.clone();
        Ok(Self { http: client::http()?, fhir, client, scope, token: None })
    }

    async fn token(&mut self) -> anyhow::Result<String> {
        if let Some((token, fetched)) = &self.token
            && fetched.elapsed() < TOKEN_AGE_MAX
        {
            return Ok(token.clone());
        }
        let token = token::fetch(&self.client, None, Some(&self.scope)).await?.access_token;
        self.token = Some((token.clone(), Instant::now()));
        Ok(token)
    }

    async fn send(&mut self, method: Method, url: &str, body: Option<&Value>) -> anyhow::Result<Response> {
        let request = self.http.request(method, url).bearer_auth(self.token().await?);
        let request = match body {
            Some(body) => request
                .header("content-type", "application/fhir+json")
                .header("prefer", "respond-async")
                .body(body.to_string()),
            None => request,
        };
        request.send().await.context("the FHIR API does not answer")
    }

    /// Begins; the URL to ask at.
    async fn begin(&mut self, arguments: &Arguments) -> anyhow::Result<String> {
        let files = arguments.files.iter().map(|name| json!({ "name": "file", "valueString": name }));
        let urls = arguments.urls.iter().map(|url| json!({ "name": "url", "valueUrl": url }));
        let sources: Vec<Value> = files.chain(urls).collect();
        let body = json!({ "resourceType": "Parameters", "parameter": sources });
        let url = format!("{}/$import", self.fhir);
        let answer = self.send(Method::POST, &url, Some(&body)).await?;
        let at = answer.headers().get("content-location").and_then(|at| at.to_str().ok()).map(str::to_owned);
        client::bytes(answer).await?;
        at.context("the node does not say where to ask")
    }

    /// Asks until it has ended.
    async fn follow(&mut self, job: &str, output: Output) -> anyhow::Result<Value> {
        let mut missed = 0;
        loop {
            let answer = match self.send(Method::GET, job, None).await {
                // A node that starts again goes on with it.
                Err(_) if missed < MISSED_MAX => {
                    missed += 1;
                    output.progress("the node does not answer for the moment");
                    tokio::time::sleep(ASK_INTERVAL).await;
                    continue;
                }
                answer => answer?,
            };
            missed = 0;
            match answer.status() {
                StatusCode::ACCEPTED => {
                    let words = answer.headers().get("x-progress").and_then(|words| words.to_str().ok());
                    output.progress(words.unwrap_or("under way"));
                }
                status if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE => {
                    bail!("the node answered with status {}", status.as_u16())
                }
                StatusCode::SERVICE_UNAVAILABLE => {
                    output.progress("the node is not available for the moment")
                }
                _ => return client::json(answer).await,
            }
            tokio::time::sleep(ASK_INTERVAL).await;
        }
    }
}
