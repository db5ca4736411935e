//! E-mail to patients: that something happened that they should look at, when, and at which organisation. Who it was and
//! why stands in the portal alone, because e-mail is read by many.

use crate::clock;
use crate::error::Error;
use crate::staff::patients;
use crate::state::{Gateway, MailConfig, MailSecurity};
use crate::store::{Rows, StoreError, WriteTransaction};
use axum::http::Method;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use salus_types::OrganisationId;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often it is looked, and tried again.
const INTERVAL: Duration = Duration::from_secs(5);
/// Longest attempt.
const SEND_WITHIN: Duration = Duration::from_secs(20);
/// Most at a time.
const AT_ONCE: usize = 32;
/// When it is given up: later it would not be news.
const GIVEN_UP_MS: u64 = 3 * 24 * 3_600 * 1_000;

/// E-mail to patients that waits, by a name of its own.
const MAILS: Rows<Mail> = Rows::new("mails");

/// A message to a patient; it names nobody.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Mail {
    /// FHIR Patient id here.
    pub(crate) patient: String,
    /// Its subject.
    pub(crate) subject: String,
    /// Its text.
    pub(crate) text: String,
    /// When what it tells happened, in milliseconds since 1970-01-01 UTC.
    pub(crate) time_ms: u64,
}

/// Has a message sent; one under the same name takes its place.
///
/// # Errors
/// A fault of the store.
pub(crate) fn queue(tx: &WriteTransaction, at: &str, mail: &Mail) -> Result<(), StoreError> {
    MAILS.put(tx, at, mail)
}

/// The name of an organisation as people know it.
pub(crate) fn name_of(gateway: &Gateway, id: &OrganisationId) -> String {
    let network = gateway.chain().network();
    network.organisation(id).map_or_else(|| id.to_string(), |one| one.name.as_str().to_owned())
}

type Server = AsyncSmtpTransport<Tokio1Executor>;

/// Sends what waits until the gateway stops.
pub(crate) async fn run(gateway: Gateway) {
    tokio::select! {
        () = gateway.stopped() => (),
        () = follow(&gateway) => (),
    }
}

/// Works for as long as it is polled; for ever idle without a server.
async fn follow(gateway: &Gateway) {
    let Some(config) = &gateway.config.mail else { return gateway.stopped().await };
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = send_all(gateway, config).await {
            tracing::warn!(%error, "e-mail to patients waits");
        }
    }
}

/// Sends what waits. One that fails stays for the next time.
pub(crate) async fn send_all(gateway: &Gateway, config: &MailConfig) -> Result<(), Error> {
    let waiting = gateway.store.read(|tx| MAILS.scan(tx, "", AT_ONCE))?;
    if waiting.is_empty() {
        return Ok(());
    }
    let server = server(config)?;
    for (at, mail) in waiting {
        let too_old = clock::now_ms().saturating_sub(mail.time_ms) > GIVEN_UP_MS;
        if !too_old && let Some(address) = address_of(gateway, &mail.patient).await? {
            send(config, &server, &mail, &address).await?;
        }
        gateway.store.write(move |tx| MAILS.take(tx, &at)).await?;
    }
    Ok(())
}

fn server(config: &MailConfig) -> Result<Server, Error> {
    let builder = match config.security {
        MailSecurity::Tls => Server::relay(&config.server).map_err(Error::internal)?,
        MailSecurity::Starttls => Server::starttls_relay(&config.server).map_err(Error::internal)?,
        MailSecurity::None => Server::builder_dangerous(&config.server),
    };
    let builder = builder.port(config.port).timeout(Some(SEND_WITHIN));
    Ok(match &config.login {
        Some((user, password)) => {
            builder.credentials(Credentials::new(user.clone(), String::clone(password))).build()
        }
        None => builder.build(),
    })
}

/// The patient's address in the clinical store; none is no error.
async fn address_of(gateway: &Gateway, patient: &str) -> Result<Option<String>, Error> {
    let at = format!("/fhir/Patient/{patient}");
    let patient = patients::fetch(gateway, "mail", Method::GET, &at, String::new()).await?;
    let telecom = patient.as_ref().and_then(|patient| patient["telecom"].as_array());
    let in_use =
        telecom.into_iter().flatten().find(|contact| contact["system"] == "email" && contact["use"] != "old");
    Ok(in_use.and_then(|contact| contact["value"].as_str()).map(str::to_owned))
}

/// An address that is none is not tried again; neither it nor the server's words come by a log.
async fn send(config: &MailConfig, server: &Server, mail: &Mail, address: &str) -> Result<(), Error> {
    let Ok(to) = address.parse() else {
        tracing::warn!("a patient's e-mail address does not parse");
        return Ok(());
    };
    let message = Message::builder()
        .from(config.from.parse().map_err(|_| Error::internal("the sender of e-mail does not parse"))?)
        .to(to)
        .subject(mail.subject.as_str())
        .header(ContentType::TEXT_PLAIN)
        .body(mail.text.clone())
        .map_err(Error::internal)?;
    match server.send(message).await {
        Err(error) if error.is_permanent() => tracing::warn!("the e-mail server refuses a message"),
        Err(_) => return Err(Error::internal("the e-mail server does not take a message")),
        Ok(_) => {}
    }
    Ok(())
}

/// What waits to be sent.
#[cfg(test)]
pub(crate) fn waiting(gateway: &Gateway) -> Vec<Mail> {
    let rows = gateway.store.read(|tx| MAILS.scan(tx, "", AT_ONCE)).expect("rows");
    rows.into_iter().map(|(_, mail)| mail).collect()
}
