//! Another organisation asks whether records of somebody are kept here.
//!
//! Whatever is not a certain yes is a no, and all noes are one: who is not known, who may not be found, and who could be two
//! people. Every question is one entry of the access log, on disk before the answer leaves, and every answer leaves at one
//! time after its question: how long the look took tells nothing.

use super::{Findable, choice, matching, rows, setting, treats};
use crate::clock;
use crate::error::{Code, Error};
use crate::log::{Access, Kind, Who};
use crate::merge;
use crate::staff;
use crate::state::Gateway;
use crate::store::StoreError;
use salus_types::category::Purpose;
use salus_types::vault::{LOCATION_TOKENS, LocationAnswer, LocationAsk};
use salus_types::{Digest, OrganisationId, Signature};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How far a question's time may be from this node's.
const FRESH_MS: u64 = 5 * 60 * 1_000;
/// When an answer leaves after its question came. Longer than the look takes.
const ANSWER_AFTER: Duration = Duration::from_millis(250);

/// Answers a question.
///
/// # Errors
/// [`Code::Forbidden`] for who may not ask, or for a purpose that is not care; [`Code::SignIn`] for what the asker did not
/// sign; [`Code::Invalid`] if it is for another organisation or not fresh; [`Code::Conflict`] if it was answered, or if its
/// tokens are of another key than the index; [`Code::Throttled`].
pub(crate) async fn answer(
    gateway: &Gateway,
    from: &OrganisationId,
    ask: LocationAsk,
) -> Result<LocationAnswer, Error> {
    let leaves = Instant::now() + ANSWER_AFTER;
    check(gateway, from, &ask)?;
    gateway.location.asks.check(from.clone())?;
    gateway.location.asks_daily.check(from.clone())?;
    let asker = gateway.chain().network().organisation(from).map(|asker| asker.node_key);
    let asker = asker.ok_or_else(|| Error::new(Code::Forbidden, "only members ask"))?;
    staff::answer_once(gateway, &asker, ask.nonce).await?;
    let meant = look(gateway, &ask)?;
    let held = match &meant {
        Some(patient) => choice::may_be_found(gateway, patient).await.unwrap_or_else(|error| {
            // An error would tell that somebody is meant.
            tracing::warn!(%error, "whether a patient may be found is not known, and nobody is told");
            false
        }),
        None => false,
    };
    note(gateway, &ask, meant, held).await?;
    sleep_until(leaves).await;
    let answer = LocationAnswer { ask: ask.digest(), held, signature: Signature([0; 64]) };
    Ok(answer.signed(&gateway.key))
}

/// Everything that can be said without a look at the index.
fn check(gateway: &Gateway, from: &OrganisationId, ask: &LocationAsk) -> Result<(), Error> {
    let refuse = |code, words: &'static str| Err(Error::new(code, words));
    let network = gateway.chain().network();
    let Some(asker) = network.organisation(from).filter(|asker| treats(asker.class)) else {
        return refuse(Code::Forbidden, "only organisations that treat people ask where records are");
    };
    if ask.asker != *from || !ask.is_by(&asker.node_key) {
        return refuse(Code::SignIn, "the question is not signed by the organisation that asks");
    }
    if ask.network != gateway.network || ask.holder != gateway.config.organisation {
        return refuse(Code::Invalid, "the question is for another organisation");
    }
    if !matches!(ask.purpose, Purpose::Treatment | Purpose::Emergency) {
        return refuse(Code::Forbidden, "where records are is asked for treatment, or in an emergency");
    }
    if ask.tokens.len() != LOCATION_TOKENS {
        return refuse(Code::Invalid, "a question has eight tokens");
    }
    if ask.time_ms.abs_diff(clock::now_ms()) > FRESH_MS {
        return refuse(Code::Invalid, "the question is too old, or from a clock that is wrong");
    }
    if setting(gateway) == Findable::Never {
        return refuse(Code::Forbidden, "this organisation does not say whose records it keeps");
    }
    let made = gateway.store.read(|tx| rows::MADE_WITH.get(tx, rows::NOW))?;
    // An index without anybody was made with nobody's key; what is asked then has no answer but no.
    let same = made.is_none_or(|made| made.helper == ask.helper && made.key.0 == ask.helper_key);
    if !same {
        return refuse(Code::Conflict, "the index is made with another key; ask again");
    }
    Ok(())
}

/// Who is meant, whether or not they may be found.
fn look(gateway: &Gateway, ask: &LocationAsk) -> Result<Option<String>, Error> {
    let names = ask.tokens.iter().map(|token| rows::name(gateway, "token", &token.token.0).to_string());
    let names: Vec<_> = names.collect();
    let asked: BTreeSet<Digest> = ask.tokens.iter().map(|token| token.group).collect();
    let found = gateway.store.read(|tx| {
        let mut hits = Vec::new();
        for (name, token) in names.iter().zip(ask.tokens.iter()) {
            let held = rows::TOKENS.get(tx, name)?.unwrap_or_default();
            // A group that is not the token's own is no answer to it.
            for one in held.into_iter().filter(|one| one.group == token.group) {
                // Two registrations of one person are one person.
                hits.push((merge::surviving(tx, &one.patient)?, one.patient, one.group));
            }
        }
        let mut identified = BTreeMap::<String, Vec<Digest>>::new();
        for (person, patient, _) in &hits {
            let indexed = rows::INDEXED.get(tx, patient)?;
            let known: &mut Vec<Digest> = identified.entry(person.clone()).or_default();
            known.extend(indexed.into_iter().flat_map(|one| one.identified));
        }
        Ok::<_, StoreError>((hits, identified))
    })?;
    let (hits, identified) = found;
    let hits: Vec<_> = hits.into_iter().map(|(person, _, group)| (person, group)).collect();
    let identified = |patient: &str| identified.get(patient).into_iter().flatten().copied().collect();
    Ok(matching::one(&asked, &hits, identified))
}

/// One entry, whoever is meant: the patient finds it in their list.
async fn note(gateway: &Gateway, ask: &LocationAsk, meant: Option<String>, held: bool) -> Result<(), Error> {
    let who = Who::Elsewhere {
        organisation: ask.asker.clone(),
        name: String::new(),
        role: String::new(),
        event: None,
    };
    let words = if held { "was told yes" } else { "was told no" };
    let patient = meant.clone().unwrap_or_default();
    let access = Access::about(who, Kind::Located, &patient, Some(ask.purpose), words);
    gateway.log.append(Access { patient: meant, ..access })?.durable().await
}
