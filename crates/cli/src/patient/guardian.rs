//! Acting for a child with a code of an organisation's desk.

use super::Session;
use super::proxies::{Mandates, invitation, read, write};
use crate::output::Output;
use anyhow::Context as _;
use commonware_codec::Encode as _;
use std::collections::BTreeMap;
use std::path::Path;

/// Shows the code `ORGANISATION.CODE`. A file of mandates that is there already is for the same child, by the caller's word.
pub(super) async fn begin(session: &Session, code: &str, file: &Path, output: Output) -> anyhow::Result<()> {
    let (at, code) = code.split_once('.').context("a code of a desk looks like `hospital-a.7Q2MX9P..`")?;
    let organisation = session.members.organisation(&at.parse()?);
    let organisation = organisation.with_context(|| format!("the network has no organisation `{at}`"))?;
    let mut mandates: Mandates = if file.exists() {
        read(file)?
    } else {
        let invitation: [u8; 16] = salus_crypto::random::bytes();
        Mandates { invitation: hex::encode(invitation), mandates: Vec::new(), at: BTreeMap::new() }
    };
    // On disk before the code is used up: the keys follow from it, and no other keys get an answer to this code.
    write(file, &mandates)?;
    let pair = session.root.proxy_at(&organisation.id, &invitation(&mandates.invitation)?);
    let network = session.members.network();
    let request = pair.guardian_request(network, organisation, code)?;
    let answer = session.relay.guardian(&organisation.id, &request).await?;
    let answer =
        pair.open_guardian_answer(&network, organisation, &answer).context("the answer does not fit")?;
    let mandate = hex::encode(answer.mandate.encode());
    if !mandates.mandates.contains(&mandate) {
        mandates.mandates.push(mandate);
    }
    mandates.at.insert(at.to_owned(), format!("Patient/{}", answer.patient.as_str()));
    write(file, &mandates)?;
    let (name, until) = (answer.name.as_str().to_owned(), answer.mandate.mandate.expiry_ms);
    let appointment = answer.mandate.mandate.appointment;
    output.result(
        &serde_json::json!({ "appointment": appointment, "source": at, "name": name, "untilMs": until }),
        || format!("You act for {name} at {at}; `{}` is what you act with.", file.display()),
    )
}
