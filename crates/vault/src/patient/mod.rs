//! What a patient's device does: keys from one root, requests, grants. It keeps nothing; the portal does the same in
//! TypeScript, and `testdata/patient-vectors.json` holds both to the same bytes.

mod grant;
mod proxy;
mod records;

pub use grant::{GrantAsk, GrantError, NewGrant, make_grant, revoke};
pub use proxy::{AppointAsk, NewAppointment, NewShare, ProxyPair, appoint, end_appointment, make_share};
pub use records::{Directories, OpenCompartment, collect_release, keys_of, open_directories};

use crate::envelope::{EnvelopeError, open_envelope, seal_envelope};
use commonware_codec::Encode as _;
use salus_crypto::Secret32;
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::kdf::{self, Label};
use salus_crypto::sign::SigningKey;
use salus_types::codec::unsigned;
use salus_types::organisation::Organisation;
use salus_types::vault::{
    EnrolmentAnswer, EnrolmentRequest, PatientAsk, PatientRequest, PatientRequestBody, SealedEnvelope,
};
use salus_types::{
    Address, Bounded, NetworkId, OrganisationId, Signature, Text, VersionId, decode_canonical, label,
    namespace,
};

const SIGN: Label = Label::new(label::PATIENT_SIGN);
const KEM: Label = Label::new(label::PATIENT_KEM);
const GRANT: Label = Label::new(label::PATIENT_GRANT);
const APPOINTMENT: Label = Label::new(label::PATIENT_APPOINTMENT);
const PROXY_SIGN: Label = Label::new(label::PROXY_SIGN);
const PROXY_KEM: Label = Label::new(label::PROXY_KEM);
const RECOVERY: Label = Label::new(label::PATIENT_RECOVERY);
const RECOVERY_LOCATOR: Label = Label::new(label::PATIENT_RECOVERY_LOCATOR);
const TERMS_SALT: Label = Label::new(label::PATIENT_TERMS_SALT);
const SCOPE_SALT: Label = Label::new(label::PATIENT_SCOPE_SALT);
const PROFILE: Label = Label::new(label::PATIENT_PROFILE);
const CACHE: Label = Label::new(label::PATIENT_CACHE);

/// The 32 bytes from which all keys of a person follow.
#[derive(Clone)]
pub struct Root(Secret32);

/// The person at one organisation: keys that are used there and nowhere else.
pub struct Pairwise {
    /// Signs requests and consents.
    pub signing: SigningKey,
    /// Opens links and releases.
    pub kem: HpkePrivateKey,
    /// The person's address at the organisation.
    pub address: Address,
}

impl Root {
    /// A new person.
    pub fn random() -> Self {
        Self(Secret32::random())
    }

    /// From what a slot or a key file held.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Secret32::from_bytes(bytes))
    }

    /// For a slot or a key file.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    fn derive(&self, label: Label, info: &[&[u8]]) -> Secret32 {
        kdf::derive(label, self.0.expose(), &[], info)
    }

    /// The keys at one organisation.
    pub fn at(&self, organisation: &OrganisationId) -> Pairwise {
        let name = organisation.as_str().as_bytes();
        let signing = SigningKey::from_seed(self.derive(SIGN, &[name]).expose());
        let kem = HpkePrivateKey::from_seed(&self.derive(KEM, &[name]));
        let address = Address::of(&signing.public());
        Pairwise { signing, kem, address }
    }

    /// The one-time key of grant number `counter` over the records of `source`.
    pub fn grant_key(&self, source: &OrganisationId, counter: u32) -> SigningKey {
        SigningKey::from_seed(self.numbered(GRANT, source, counter).expose())
    }

    /// The one-time key of appointment number `counter` over the records of `source`.
    pub fn appointment_key(&self, source: &OrganisationId, counter: u32) -> SigningKey {
        SigningKey::from_seed(self.numbered(APPOINTMENT, source, counter).expose())
    }

    /// The keys with which this person acts for somebody else at `source`; `invitation` is the nonce of the invitation, so
    /// that two appointments have nothing in common.
    pub fn proxy_at(&self, source: &OrganisationId, invitation: &[u8; 16]) -> ProxyPair {
        let info: &[&[u8]] = &[source.as_str().as_bytes(), invitation];
        ProxyPair {
            signing: SigningKey::from_seed(self.derive(PROXY_SIGN, info).expose()),
            kem: HpkePrivateKey::from_seed(&self.derive(PROXY_KEM, info)),
        }
    }

    /// The key that cancels a recovery at an organisation, which is named after it.
    pub fn recovery_key(&self, organisation: &OrganisationId, counter: u32) -> SigningKey {
        SigningKey::from_seed(self.numbered(RECOVERY, organisation, counter).expose())
    }

    /// Under which a portal keeps the slot that the root itself opens.
    pub fn recovery_locator(&self) -> [u8; 32] {
        *self.derive(RECOVERY_LOCATOR, &[]).expose()
    }

    fn numbered(&self, label: Label, source: &OrganisationId, counter: u32) -> Secret32 {
        self.derive(label, &[source.as_str().as_bytes(), &counter.to_be_bytes()])
    }

    /// The salt of that grant's terms.
    pub fn terms_salt(&self, source: &OrganisationId, counter: u32) -> [u8; 32] {
        *self.numbered(TERMS_SALT, source, counter).expose()
    }

    /// The salt of that grant's scope.
    pub fn scope_salt(&self, source: &OrganisationId, counter: u32) -> [u8; 32] {
        *self.numbered(SCOPE_SALT, source, counter).expose()
    }

    /// The key of the profile that a portal keeps.
    pub fn profile_key(&self) -> Secret32 {
        self.derive(PROFILE, &[])
    }

    /// The key of the copy that a browser keeps.
    pub fn cache_key(&self) -> Secret32 {
        self.derive(CACHE, &[])
    }
}

impl Pairwise {
    /// A signed request to `audience` about the records of the organisation to which these keys belong.
    pub fn sign_request(
        &self,
        network: NetworkId,
        audience: &OrganisationId,
        ask: PatientAsk,
        time_ms: u64,
        versions: Vec<VersionId>,
    ) -> Result<PatientRequest, EnvelopeError> {
        let body = PatientRequestBody {
            network,
            audience: audience.clone(),
            ask,
            patient: self.signing.public(),
            kem_key: Bounded::new(self.kem.public().0.to_vec()).map_err(|_| EnvelopeError::Length)?,
            time_ms,
            nonce: salus_crypto::random::bytes(),
            versions: Bounded::new(versions).map_err(|_| EnvelopeError::Length)?,
        };
        let signature = self.signing.sign(namespace::PATIENT_REQUEST, &body.encode());
        Ok(PatientRequest { body, signature })
    }

    /// A request to enrol with an invite, sealed to the organisation to which these keys belong.
    ///
    /// # Errors
    /// [`EnvelopeError`] if the invite is too long or the organisation's key is none.
    pub fn enrolment_request(
        &self,
        network: NetworkId,
        organisation: &Organisation,
        invite: &str,
    ) -> Result<SealedEnvelope, EnvelopeError> {
        show_code((&self.signing, &self.kem), label::HPKE_ENROLMENT_REQUEST, network, organisation, invite)
    }

    /// Opens the organisation's answer.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn open_enrolment_answer(
        &self,
        network: &NetworkId,
        organisation: &Organisation,
        answer: &SealedEnvelope,
    ) -> Result<EnrolmentAnswer, EnvelopeError> {
        let (from, label) = (&organisation.node_key, label::HPKE_ENROLMENT_ANSWER);
        let plain = open_envelope(answer, from, &self.kem, label, network)?;
        decode_canonical(&plain).map_err(|_| EnvelopeError::Length)
    }
}

/// A code that an organisation's desk gave, with the keys it is to be good for, signed and sealed to the organisation.
fn show_code(
    (signing, kem): (&SigningKey, &HpkePrivateKey),
    label: &'static str,
    network: NetworkId,
    organisation: &Organisation,
    code: &str,
) -> Result<SealedEnvelope, EnvelopeError> {
    let mut request = EnrolmentRequest {
        network,
        organisation: organisation.id.clone(),
        invite: Text::new(code).map_err(|_| EnvelopeError::Length)?,
        patient: signing.public(),
        kem_key: Bounded::new(kem.public().0.to_vec()).map_err(|_| EnvelopeError::Length)?,
        signature: Signature([0; 64]),
    };
    request.signature = signing.sign(namespace::ENROLMENT, &unsigned(&request));
    seal_envelope(signing, &organisation.kem_key, label, &network, &request.encode())
}

/// Opens and checks an enrolment request at the organisation that issued the invite. The caller checks the invite.
///
/// # Errors
/// [`EnvelopeError`]; also if the request names another network or organisation, or another key than its sender's.
pub fn open_enrolment_request(
    envelope: &SealedEnvelope,
    kem: &HpkePrivateKey,
    network: &NetworkId,
    organisation: &OrganisationId,
) -> Result<EnrolmentRequest, EnvelopeError> {
    let plain = open_envelope(envelope, &envelope.sender, kem, label::HPKE_ENROLMENT_REQUEST, network)?;
    let request: EnrolmentRequest = decode_canonical(&plain).map_err(|_| EnvelopeError::Length)?;
    let signed = envelope.sender.verify(namespace::ENROLMENT, &unsigned(&request), &request.signature);
    let fits = request.network == *network
        && request.organisation == *organisation
        && request.patient == envelope.sender
        && signed.is_ok();
    if fits { Ok(request) } else { Err(EnvelopeError::Hpke(salus_crypto::hpke::HpkeError::Signature)) }
}
