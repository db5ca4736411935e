//! The helper of a holder: another member, whose key makes the holder's index. So the holder cannot try names against a
//! question that it could not answer, and nobody can try any against a stolen index, without asking the helper each time.
//!
//! The helper sees who asks for whose index, and how much; of whom, it cannot see.

use super::treats;
use crate::error::{Code, Error};
use crate::state::Gateway;
use salus_crypto::hash::hash;
use salus_crypto::kdf::{Label, derive};
use salus_crypto::oprf::{Blinded, Evaluated, OprfKey};
use salus_types::vault::{LOCATION_TOKENS, LocationBlinded, LocationEvaluated};
use salus_types::{Bounded, Digest, NetworkId, OrganisationId, label};

/// Who helps a holder: of the others by rendezvous hashing, custodians before all, so that a member that comes or goes
/// changes few. `None`, where there is no other.
pub(super) fn helper_of(gateway: &Gateway, holder: &OrganisationId) -> Option<OrganisationId> {
    let network = gateway.chain().network();
    let score = |id: &OrganisationId| {
        let parts = [gateway.network.as_bytes(), holder.as_str().as_bytes(), id.as_str().as_bytes()];
        hash("salus/location-helper/v1", &parts)
    };
    let others = network.organisations().filter(|one| one.id != *holder);
    let best = others.max_by_key(|one| (one.custodian, score(&one.id)));
    best.map(|one| one.id.clone())
}

/// Evaluates elements for an asker, or for a holder's own index.
///
/// # Errors
/// [`Code::Forbidden`] for who does not treat people, and for whose helper this is not; [`Code::Invalid`],
/// [`Code::Throttled`].
pub(crate) async fn evaluate(
    gateway: &Gateway,
    from: &OrganisationId,
    blinded: LocationBlinded,
) -> Result<LocationEvaluated, Error> {
    let refuse = |words: &'static str| Error::new(Code::Forbidden, words);
    let network = gateway.chain().network();
    if blinded.network != gateway.network {
        return Err(Error::new(Code::Invalid, "this is for another network"));
    }
    let own = &gateway.config.organisation;
    if helper_of(gateway, &blinded.holder).as_ref() != Some(own)
        || network.organisation(&blinded.holder).is_none()
    {
        return Err(refuse("another organisation helps with this index"));
    }
    if *from == blinded.holder {
        gateway.location.batches.check(from.clone())?;
    } else {
        let entitled = network.organisation(from).is_some_and(|asker| treats(asker.class));
        if !entitled {
            return Err(refuse("only organisations that treat people ask where records are"));
        }
        if blinded.elements.len() != LOCATION_TOKENS {
            return Err(Error::new(Code::Invalid, "a question has eight elements"));
        }
        gateway.location.evaluations.check((from.clone(), blinded.holder.clone()))?;
    }
    let key = key_for(gateway, &blinded.holder)?;
    let elements = blinded.elements.to_vec();
    let evaluated = tokio::task::spawn_blocking(move || key.evaluate(&elements)).await;
    let evaluated = evaluated.map_err(Error::internal)?;
    let evaluated = evaluated.map_err(|_| Error::new(Code::Invalid, "these are no elements of the group"))?;
    gateway.metrics.location_evaluated(evaluated.elements.len());
    let elements = Bounded::new(evaluated.elements).map_err(Error::internal)?;
    Ok(LocationEvaluated { key: evaluated.key, elements, proof: evaluated.proof })
}

/// The key for one holder's index. It rests on the storage key alone, so that new node keys change no index.
fn key_for(gateway: &Gateway, holder: &OrganisationId) -> Result<OprfKey, Error> {
    const KEY: Label = Label::new(label::LOCATION_KEY);
    let parts: [&[u8]; 2] = [gateway.network.as_bytes(), holder.as_str().as_bytes()];
    let seed = derive(KEY, gateway.ports.storage.expose(), &[], &parts);
    OprfKey::derive(&seed, label::LOCATION_KEY.as_bytes()).map_err(Error::internal)
}

/// Tokens that one holder's helper made.
pub(super) struct Made {
    pub(super) helper: OrganisationId,
    /// The public half of the key.
    pub(super) key: [u8; 32],
    /// In the order of what they were made of.
    pub(super) tokens: Vec<Digest>,
}

/// Has a holder's helper make tokens.
///
/// # Errors
/// [`Code::Away`] if there is no helper, or it does not answer as it should.
pub(super) async fn make(
    gateway: &Gateway,
    holder: &OrganisationId,
    inputs: Vec<Digest>,
) -> Result<Made, Error> {
    let away = || {
        Error::new(Code::Away, "the organisation that helps with the index does not answer").retry_after(60)
    };
    let helper = helper_of(gateway, holder).ok_or_else(away)?;
    let blinded = tokio::task::spawn_blocking(move || {
        Blinded::of(inputs.into_iter().map(|input| input.0.to_vec()).collect())
    });
    let blinded = blinded.await.map_err(Error::internal)?.map_err(Error::internal)?;
    let ask = LocationBlinded {
        network: gateway.network,
        holder: holder.clone(),
        elements: Bounded::new(blinded.elements().to_vec()).map_err(Error::internal)?,
    };
    let own = gateway.config.organisation.clone();
    let answer = match helper == own {
        true => evaluate(gateway, &own, ask).await?,
        false => gateway.ports.peers.evaluate_location(&helper, &ask).await.map_err(|error| {
            tracing::debug!(%error, %helper, "the helper of an index does not answer");
            away()
        })?,
    };
    let LocationEvaluated { key, elements, proof } = answer;
    let (network, to) = (gateway.network, holder.clone());
    let evaluated = Evaluated { key, elements: elements.into_inner(), proof };
    let values =
        tokio::task::spawn_blocking(move || blinded.finish(&evaluated)).await.map_err(Error::internal)?;
    let values = values.map_err(|error| {
        tracing::warn!(%error, %helper, "the helper of an index gave a bad answer");
        away()
    })?;
    let tokens = values.iter().map(|value| token(&network, &helper, &to, value)).collect();
    Ok(Made { helper, key, tokens })
}

/// The token of a value, good at one holder alone: who is asked can ask nobody else with it.
fn token(network: &NetworkId, helper: &OrganisationId, holder: &OrganisationId, value: &[u8]) -> Digest {
    const TOKEN: Label = Label::new(label::LOCATION_TOKEN);
    let parts = [network.as_bytes(), helper.as_str().as_bytes(), holder.as_str().as_bytes()];
    Digest(*derive(TOKEN, value, &[], &parts).expose())
}
