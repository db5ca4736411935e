//! Appointing somebody, and acting for somebody.

use super::grant::{GrantAsk, GrantError, Grantor, make};
use super::{OpenCompartment, Root, show_code};
use crate::envelope::{EnvelopeError, open_envelope};
use salus_crypto::Secret32;
use salus_crypto::hpke::{HpkeError, HpkePrivateKey};
use salus_crypto::sign::{PublicKey, SigningKey};
use salus_types::action::{Appoint, EndAppointment, ProxyAct};
use salus_types::category::Category;
use salus_types::organisation::Organisation;
use salus_types::proxy::{Act, PROXY_GRAIN_MS, ProxyGrant, proxy_grant};
use salus_types::transaction::Transaction;
use salus_types::vault::{
    Consent, GuardianAnswer, Mandate, PatientAsk, ProxyKeys, ProxyRequest, ProxyRequestBody, SealedEnvelope,
    SignedMandate, Terms,
};
use salus_types::{
    AppointmentId, Bounded, GrantId, NetworkId, OrganisationId, VersionId, decode_canonical, label,
};
use std::collections::BTreeMap;

/// The keys with which somebody acts for another at one source.
pub struct ProxyPair {
    /// Signs requests, acts and consents.
    pub signing: SigningKey,
    /// Opens keys and releases.
    pub kem: HpkePrivateKey,
}

/// Whom a patient wants to appoint at one source.
pub struct AppointAsk<'a> {
    /// The network.
    pub network: NetworkId,
    /// Whose records.
    pub source: &'a OrganisationId,
    /// Number of the appointment at this source; no number is used twice.
    pub counter: u32,
    /// The key of who is appointed, as that person's device gave it.
    pub proxy: PublicKey,
    /// The X-Wing public key, likewise.
    pub kem_key: &'a [u8],
    /// Whether sharing is allowed.
    pub shares: bool,
    /// Whether asking for corrections and restrictions is allowed.
    pub asks: bool,
    /// Until when at the latest, in milliseconds since 1970-01-01 UTC; it ends with the last whole week before.
    pub until_ms: u64,
    /// The patient's compartments of the categories that may be seen.
    pub compartments: &'a [OpenCompartment],
}

/// An appointment on its way: the transaction first, then the mandate to who is appointed.
pub struct NewAppointment {
    /// Its name.
    pub appointment: AppointmentId,
    /// Signs the appointment and ends it; it can be derived again.
    pub one_time: SigningKey,
    /// For the ledger.
    pub action: Appoint,
    /// For who is appointed.
    pub mandate: SignedMandate,
}

/// Makes an appointment.
///
/// # Errors
/// [`GrantError`] if nothing may be seen, or a key is none.
pub fn appoint(root: &Root, ask: &AppointAsk<'_>) -> Result<NewAppointment, GrantError> {
    let one_time = root.appointment_key(ask.source, ask.counter);
    let mut newest: BTreeMap<Category, &OpenCompartment> = BTreeMap::new();
    for opened in ask.compartments {
        let known = newest.entry(opened.category).or_insert(opened);
        if known.epoch < opened.epoch {
            *known = opened;
        }
    }
    if newest.is_empty() {
        return Err(GrantError::Empty);
    }
    let (appointment, owner) = (AppointmentId::of(&one_time.public()), root.at(ask.source));
    let compartments = newest.values().map(|opened| opened.compartment).collect();
    let mandate = Mandate {
        network: ask.network,
        appointment,
        source: ask.source.clone(),
        owner: owner.address,
        proxy: ask.proxy,
        kem_key: Bounded::new(ask.kem_key.to_vec()).map_err(|_| GrantError::TooLarge)?,
        shares: ask.shares,
        asks: ask.asks,
        expiry_ms: ask.until_ms / PROXY_GRAIN_MS * PROXY_GRAIN_MS,
        compartments: Bounded::new(compartments).map_err(|_| GrantError::TooLarge)?,
        salt: salus_crypto::random::bytes(),
    };
    let action = Appoint {
        mandate: mandate.commitment(),
        proxy: mandate.proxy,
        shares: mandate.shares,
        expiry_ms: mandate.expiry_ms,
    };
    Ok(NewAppointment { appointment, one_time, action, mandate: mandate.sign(&owner.signing) })
}

/// The transaction that ends appointment number `counter` over the records of `source`.
pub fn end_appointment(
    root: &Root,
    network: NetworkId,
    source: &OrganisationId,
    counter: u32,
    valid_until: u64,
) -> Transaction {
    let one_time = root.appointment_key(source, counter);
    let appointment = AppointmentId::of(&one_time.public());
    Transaction::sign(network, &one_time, valid_until, EndAppointment { appointment })
}

/// Something shared for a patient: the act first, then letter and notice.
pub struct NewShare {
    /// Its name.
    pub grant: GrantId,
    /// For the ledger.
    pub action: ProxyAct,
    /// The terms.
    pub terms: Terms,
    /// For the grantee's mailbox.
    pub letter: SealedEnvelope,
    /// For the source's mailbox.
    pub notice: SealedEnvelope,
}

/// Shares for the patient who signed the mandate, with act number `ask.counter`. What the mandate does not allow is made
/// all the same: it is for the ledger, the source and the custodians to refuse.
///
/// # Errors
/// [`GrantError`].
pub fn make_share(
    pair: &ProxyPair,
    mandate: &SignedMandate,
    ask: &GrantAsk<'_>,
) -> Result<NewShare, GrantError> {
    let appointment = mandate.mandate.appointment;
    let by = Grantor {
        grant: proxy_grant(&appointment, ask.counter),
        sender: &pair.signing,
        owner: mandate.mandate.owner,
        terms_salt: salus_crypto::random::bytes(),
        scope_salt: salus_crypto::random::bytes(),
    };
    let made = make(&by, ask, |terms| Consent::sign_for(terms, &pair.signing, mandate.clone()))?;
    let grant =
        ProxyGrant { terms: made.action.terms, scope: made.action.scope, expiry_ms: made.action.expiry_ms };
    let action = ProxyAct { appointment, number: ask.counter, act: Act::ProxyGrant(grant) };
    Ok(NewShare { grant: by.grant, action, terms: made.terms, letter: made.letter, notice: made.notice })
}

impl ProxyPair {
    /// A signed request to `audience` that relies on a mandate and, where versions are asked for, on act number `act`.
    ///
    /// # Errors
    /// [`EnvelopeError::Length`] if there are too many versions.
    pub fn sign_request(
        &self,
        mandate: &SignedMandate,
        audience: &OrganisationId,
        ask: PatientAsk,
        time_ms: u64,
        (act, versions): (Option<u32>, Vec<VersionId>),
    ) -> Result<ProxyRequest, EnvelopeError> {
        let body = ProxyRequestBody {
            audience: audience.clone(),
            ask,
            mandate: mandate.clone(),
            act,
            time_ms,
            nonce: salus_crypto::random::bytes(),
            versions: Bounded::new(versions).map_err(|_| EnvelopeError::Length)?,
        };
        Ok(ProxyRequest::sign(body, &self.signing))
    }

    /// A desk's code for a child, with these keys, sealed to the organisation.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn guardian_request(
        &self,
        network: NetworkId,
        organisation: &Organisation,
        code: &str,
    ) -> Result<SealedEnvelope, EnvelopeError> {
        let keys = (&self.signing, &self.kem);
        show_code(keys, label::HPKE_GUARDIAN_REQUEST, network, organisation, code)
    }

    /// Opens the organisation's answer; its mandate is for these keys, and signed.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn open_guardian_answer(
        &self,
        network: &NetworkId,
        organisation: &Organisation,
        answer: &SealedEnvelope,
    ) -> Result<GuardianAnswer, EnvelopeError> {
        let (from, label) = (&organisation.node_key, label::HPKE_GUARDIAN_ANSWER);
        let plain = open_envelope(answer, from, &self.kem, label, network)?;
        let answer: GuardianAnswer = decode_canonical(&plain).map_err(|_| EnvelopeError::Length)?;
        let mandate = &answer.mandate.mandate;
        let fits = mandate.proxy == self.signing.public()
            && mandate.source == organisation.id
            && mandate.network == *network
            && answer.mandate.is_by_owner();
        if fits { Ok(answer) } else { Err(EnvelopeError::Hpke(HpkeError::Signature)) }
    }

    /// Opens the source's answer: the compartments that may be seen, by category and epoch.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn open_keys(
        &self,
        network: &NetworkId,
        source: &Organisation,
        answer: &SealedEnvelope,
    ) -> Result<Vec<OpenCompartment>, EnvelopeError> {
        let plain = open_envelope(answer, &source.node_key, &self.kem, label::HPKE_PROXY_KEYS, network)?;
        let keys: ProxyKeys = decode_canonical(&plain).map_err(|_| EnvelopeError::Length)?;
        let open = |key: &salus_types::vault::ProxyKey| OpenCompartment {
            compartment: key.compartment,
            epoch: key.epoch,
            predecessor: key.predecessor,
            category: key.category,
            key: Secret32::from_bytes(&key.key),
        };
        let mut opened: Vec<_> = keys.keys.iter().map(open).collect();
        opened.sort_by_key(|opened| (opened.category, opened.epoch, opened.compartment));
        Ok(opened)
    }
}
