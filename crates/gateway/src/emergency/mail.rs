//! E-mail to the patient: that their emergency summary was opened, when, and by which organisation. Who it was and why
//! stands in the portal alone, because e-mail is read by many.

use super::rows::{MAILS, Mail};
use crate::clock;
use crate::error::Error;
use crate::staff::patients;
use crate::state::{Gateway, MailConfig, MailSecurity};
use axum::http::Method;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::time::Duration;

/// How often it is looked, and tried again.
const INTERVAL: Duration = Duration::from_secs(5);
/// Longest attempt.
const SEND_WITHIN: Duration = Duration::from_secs(20);
/// Most at a time.
const AT_ONCE: usize = 32;
/// When it is given up: later it would not be news.
const GIVEN_UP_MS: u64 = 3 * 24 * 3_600 * 1_000;

type Server = AsyncSmtpTransport<Tokio1Executor>;

/// Works for as long as it is polled; for ever idle without a server.
pub(super) async fn follow(gateway: &Gateway) {
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
pub(super) async fn send_all(gateway: &Gateway, config: &MailConfig) -> Result<(), Error> {
    let waiting = gateway.store.read(|tx| MAILS.scan(tx, "", AT_ONCE))?;
    if waiting.is_empty() {
        return Ok(());
    }
    let server = server(config)?;
    for (at, mail) in waiting {
        let too_old = clock::now_ms().saturating_sub(mail.time_ms) > GIVEN_UP_MS;
        if !too_old && let Some(address) = address_of(gateway, &mail.patient).await? {
            send(gateway, config, &server, &mail, &address).await?;
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
    let patient = patients::fetch(gateway, "emergency", Method::GET, &at, String::new()).await?;
    let telecom = patient.as_ref().and_then(|patient| patient["telecom"].as_array());
    let in_use =
        telecom.into_iter().flatten().find(|contact| contact["system"] == "email" && contact["use"] != "old");
    Ok(in_use.and_then(|contact| contact["value"].as_str()).map(str::to_owned))
}

/// An address that is none is not tried again; neither it nor the server's words come by a log.
async fn send(
    gateway: &Gateway,
    config: &MailConfig,
    server: &Server,
    mail: &Mail,
    address: &str,
) -> Result<(), Error> {
    let Ok(to) = address.parse() else {
        tracing::warn!("a patient's e-mail address does not parse");
        return Ok(());
    };
    let message = Message::builder()
        .from(config.from.parse().map_err(|_| Error::internal("the sender of e-mail does not parse"))?)
        .to(to)
        .subject("Your emergency summary was opened")
        .header(ContentType::TEXT_PLAIN)
        .body(text(gateway, mail))
        .map_err(Error::internal)?;
    match server.send(message).await {
        Err(error) if error.is_permanent() => tracing::warn!("the e-mail server refuses a message"),
        Err(_) => return Err(Error::internal("the e-mail server does not take a message")),
        Ok(_) => {}
    }
    Ok(())
}

fn text(gateway: &Gateway, mail: &Mail) -> String {
    let network = gateway.chain().network();
    let named =
        |id| network.organisation(id).map_or_else(|| id.to_string(), |one| one.name.as_str().to_owned());
    let (by, own) = (named(&mail.by), named(&gateway.config.organisation));
    let (when, portal) = (clock::instant(mail.time_ms), &gateway.config.public_url);
    format!(
        "Somebody at {by} opened the emergency summary that {own} keeps of you, on {when}.\n\n\
         Sign in to see who it was, why, and until when: {portal}\n\n\
         It has to be reviewed there within three days. You need not do anything.\n"
    )
}
