//! `salus token`: a bearer token for an organisation's FHIR API, as a backend client gets it
//! (SMART App Launch 2.2, backend services: `client_credentials` with `private_key_jwt`).

use crate::client::{self, ClientKey};
use crate::demo::report::{Client, Report};
use crate::output::Output;
use crate::patient::KeyFile;
use anyhow::Context as _;
use salus_types::category::Purpose;
use serde::Deserialize;
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long the signed assertion may be used, in seconds.
const ASSERTION_LIFETIME_S: u64 = 240;

/// Get a bearer token for an organisation's FHIR API.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of the demo network.
    #[arg(long, default_value = crate::demo::FOLDER_DEFAULT)]
    demo: PathBuf,
    /// The organisation whose API is meant.
    #[arg(long)]
    org: String,
    /// Act for this practitioner (id), in the chart of --patient. Without both, the token is the system's own: it
    /// reaches the organisation's records, and nothing shared.
    #[arg(long = "as", requires = "patient")]
    practitioner: Option<String>,
    /// Open the chart of the patient with this key file.
    #[arg(long, requires = "practitioner")]
    patient: Option<PathBuf>,
    /// Why the chart is opened; `treatment` unless told otherwise.
    #[arg(long, requires = "practitioner")]
    purpose: Option<Purpose>,
    /// Scopes to ask for; by default all that the client may have.
    #[arg(long)]
    scope: Option<String>,
}

/// The answer of a token endpoint.
#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) access_token: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

pub(crate) fn run(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(request(&arguments))?;
    let mut shown = answer.rest.clone();
    shown.insert("access_token".to_owned(), answer.access_token.clone().into());
    output.result(&shown, || answer.access_token.clone())
}

async fn request(arguments: &Arguments) -> anyhow::Result<Answer> {
    let report = Report::read(&arguments.demo)?;
    let organisation = report.organisation(&arguments.org)?;
    let client =
        organisation.client.as_ref().with_context(|| format!("`{}` has no FHIR API", arguments.org))?;
    let user = match (&arguments.practitioner, &arguments.patient) {
        (Some(practitioner), Some(key)) => {
            let patient = report.patient_at(&KeyFile::read(key)?, &arguments.org)?;
            let (organisation, practitioner) = (organisation.id.clone(), practitioner.clone());
            let purpose = arguments.purpose.unwrap_or(Purpose::Treatment);
            Some(User { organisation, practitioner, patient, purpose })
        }
        _ => None,
    };
    fetch(client, user.as_ref(), arguments.scope.as_deref()).await
}

/// For whom a backend client acts.
pub(crate) struct User {
    pub(crate) organisation: String,
    pub(crate) practitioner: String,
    /// FHIR Patient id at the organisation.
    pub(crate) patient: String,
    pub(crate) purpose: Purpose,
}

/// Fetches the token of a client for its own organisation's records.
pub(crate) async fn system_token(client: &Client) -> anyhow::Result<String> {
    Ok(fetch(client, None, None).await?.access_token)
}

pub(crate) async fn fetch(
    client: &Client,
    user: Option<&User>,
    scope: Option<&str>,
) -> anyhow::Result<Answer> {
    let body = form(client, user, scope)?;
    let request = client::http()?.post(&client.token_endpoint).header("content-type", FORM).body(body);
    client::json(request.send().await.context("the token endpoint does not answer")?).await
}

/// Media type of a request to a token endpoint.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// What a token endpoint is sent.
pub(crate) fn form(client: &Client, user: Option<&User>, scope: Option<&str>) -> anyhow::Result<String> {
    let key: ClientKey = serde_json::from_str(
        &fs::read_to_string(&client.jwk)
            .with_context(|| format!("cannot read `{}`", client.jwk.display()))?,
    )?;
    let scope = scope.unwrap_or(if user.is_some() { "patient/*.rs" } else { "system/*.cruds" });
    let assertion = key.sign(&claims(client, user)?)?;
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    Ok(form.map(|(name, value)| format!("{name}={}", escape(value))).join("&"))
}

fn claims(client: &Client, user: Option<&User>) -> anyhow::Result<serde_json::Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut claims = json!({
        "iss": client.id, "sub": client.id, "aud": client.token_endpoint,
        "iat": now, "exp": now + ASSERTION_LIFETIME_S, "jti": hex::encode(salus_crypto::random::bytes::<16>()),
    });
    if let Some(user) = user {
        // HL7 UDAP Security IG, B2B authorization extension object; the patient is SMART's launch context.
        claims["extensions"] = json!({ "hl7-b2b": {
            "version": "1",
            "subject_id": user.practitioner,
            "organization_id": user.organisation,
            "purpose_of_use": [format!("urn:oid:2.16.840.1.113883.5.8#{}", user.purpose.act_reason())],
        } });
        claims["salus"] = json!({ "patient": user.patient, "reason": "opened by command line" });
    }
    Ok(claims)
}

/// Percent-encodes all but unreserved characters (RFC 3986, 2.3).
fn escape(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
