//! A clinician looks for records of the patient whose chart is open.

use super::{choice, helper, normal, treats};
use crate::body::Json;
use crate::cases;
use crate::clock;
use crate::error::{Code, Error};
use crate::log::{Access, Kind};
use crate::staff::{self, charts, patients};
use crate::state::Gateway;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use futures::future::join_all;
use salus_crypto::random;
use salus_policy::Action;
use salus_types::category::Purpose;
use salus_types::vault::{LOCATION_TOKENS, LocationAnswer, LocationAsk, LocationToken};
use salus_types::{Bounded, Digest, OrganisationId, Signature};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait for an organisation and its helper.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What an organisation says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Holds,
    No,
    Silent,
}

/// `POST /staff/charts/{chart}/elsewhere`: asks every other organisation that treats people.
pub(super) async fn ask(
    State(gateway): State<Gateway>,
    Path(chart): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    let member = gateway.staff.member(&gateway, &headers)?;
    let chart = staff::chart_of(&gateway, &member, &chart)?;
    let restricted = cases::is_restricted(&gateway, &chart.patient)?;
    staff::decide(&member, Action::LocateRecords, chart.purpose, !chart.reason.is_empty(), restricted)?;
    if choice::refused(&gateway, &chart.patient)? {
        return Err(Error::new(
            Code::Forbidden,
            "the patient does not want to be looked for at other organisations",
        ));
    }
    gateway.location.practitioners.check(member.id.clone())?;
    let at = format!("/fhir/Patient/{}", chart.patient);
    let patient = patients::fetch(&gateway, &member.id, Method::GET, &at, String::new()).await?;
    let patient =
        patient.ok_or_else(|| Error::new(Code::NotFound, "this organisation has no such patient"))?;
    let inputs = normal::inputs(&patient, LOCATION_TOKENS);
    if inputs.is_empty() {
        let words = "too little is known of the patient: a date of birth is needed, and an identifier, or name, sex, and \
                     postal code or telephone number";
        return Err(Error::new(Code::Unprocessable, words));
    }
    let who = charts::who(&member);
    let access =
        Access::about(who, Kind::LocatedElsewhere, &chart.patient, Some(chart.purpose), &chart.reason);
    gateway.log.append(access)?.durable().await?;
    let network = gateway.chain().network();
    let others = network
        .organisations()
        .filter(|one| treats(one.class) && one.id != gateway.config.organisation)
        .map(|one| one.id.clone());
    let asked = others.map(|other| {
        let (gateway, inputs) = (&gateway, &inputs);
        async move {
            let known =
                tokio::time::timeout(ANSWER_WITHIN, ask_one(gateway, &other, inputs, chart.purpose)).await;
            (other, known.unwrap_or(Known::Silent))
        }
    });
    Ok(Json(json!({ "asked": join_all(asked).await.into_iter().map(shown).collect::<Vec<_>>() })))
}

fn shown((organisation, known): (OrganisationId, Known)) -> Value {
    let state = match known {
        Known::Holds => "holds",
        Known::No => "not-found",
        Known::Silent => "silent",
    };
    json!({ "organisation": organisation, "state": state })
}

/// Whether an organisation keeps records of who is known by this.
async fn ask_one(
    gateway: &Gateway,
    holder: &OrganisationId,
    inputs: &[normal::Input],
    purpose: Purpose,
) -> Known {
    match answer_of(gateway, holder, inputs, purpose).await {
        Ok(true) => Known::Holds,
        Ok(false) => Known::No,
        Err(error) => {
            tracing::debug!(%error, %holder, "an organisation does not say whether it has records");
            Known::Silent
        }
    }
}

async fn answer_of(
    gateway: &Gateway,
    holder: &OrganisationId,
    inputs: &[normal::Input],
    purpose: Purpose,
) -> Result<bool, Error> {
    // Always as many: the number of attributes would tell of the person.
    let fill = LOCATION_TOKENS.saturating_sub(inputs.len());
    let (mut digests, mut groups): (Vec<_>, Vec<_>) =
        inputs.iter().map(|input| (input.digest, input.group)).unzip();
    digests.extend((0..fill).map(|_| Digest(random::bytes())));
    groups.extend((0..fill).map(|_| Digest(random::bytes())));
    let made = helper::make(gateway, holder, digests).await?;
    let tokens = groups.into_iter().zip(made.tokens).map(|(group, token)| LocationToken { group, token });
    let ask = LocationAsk {
        network: gateway.network,
        asker: gateway.config.organisation.clone(),
        holder: holder.clone(),
        helper: made.helper,
        helper_key: made.key,
        purpose,
        tokens: Bounded::new(tokens.collect()).map_err(Error::internal)?,
        time_ms: clock::now_ms(),
        nonce: random::bytes(),
        signature: Signature([0; 64]),
    }
    .signed(&gateway.key);
    let answer: LocationAnswer = gateway.ports.peers.ask_location(holder, &ask).await?;
    let network = gateway.chain().network();
    let known = network.organisation(holder).is_some_and(|one| answer.answers(&ask, &one.node_key));
    match known {
        true => Ok(answer.held),
        false => {
            Err(Error::new(Code::Upstream, "the answer is not signed by the organisation that was asked"))
        }
    }
}
