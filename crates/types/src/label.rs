//! Every label of a derived key and every HPKE context, in one list.
//!
//! A derived key is `HKDF-SHA256(ikm, salt, info)` where `info` frames the label and the parts named beside
//! it (see `salus_crypto::kdf::derive`). An empty salt is meant where none is named. `docs/protocol/keys.md`
//! shows the same list as a picture.

/// Patient root + organisation: seed of the pairwise Ed25519 key.
pub const PATIENT_SIGN: &str = "salus/patient/sign/v1";
/// Patient root + organisation: seed of the pairwise X-Wing key.
pub const PATIENT_KEM: &str = "salus/patient/kem/v1";
/// Patient root + source organisation + counter (u32, big-endian): seed of a grant's one-time Ed25519 key.
pub const PATIENT_GRANT: &str = "salus/patient/grant/v1";
/// Patient root + source organisation + counter: salt of the terms' commitment.
pub const PATIENT_TERMS_SALT: &str = "salus/patient/terms-salt/v1";
/// Patient root + source organisation + counter: salt of the scope's commitment.
pub const PATIENT_SCOPE_SALT: &str = "salus/patient/scope-salt/v1";
/// Patient root: key of the profile that the portal keeps for the patient's devices.
pub const PATIENT_PROFILE: &str = "salus/patient/profile/v1";
/// Patient root: key of the copy that a browser keeps.
pub const PATIENT_CACHE: &str = "salus/patient/cache/v1";
/// Patient root + organisation + counter (u32, big-endian): seed of the key that cancels a recovery there.
pub const PATIENT_RECOVERY: &str = "salus/patient/recovery/v1";
/// Patient root + source organisation + counter: seed of the one-time key that makes and ends an appointment.
pub const PATIENT_APPOINTMENT: &str = "salus/patient/appointment/v1";
/// Root of who acts for a patient + source organisation + nonce of the invitation: seed of the Ed25519 key for that
/// appointment.
pub const PROXY_SIGN: &str = "salus/proxy/sign/v1";
/// The same: seed of its X-Wing key.
pub const PROXY_KEM: &str = "salus/proxy/kem/v1";
/// Code of an invitation to act for somebody + `offer`, `answer` or `mandates`: where a portal keeps that letter.
pub const PROXY_LOCATOR: &str = "salus/proxy/locator/v1";
/// The same: the letter's key.
pub const PROXY_LETTER: &str = "salus/proxy/letter/v1";
/// Patient root: where the slot is found that the root itself opens.
pub const PATIENT_RECOVERY_LOCATOR: &str = "salus/patient/recovery-locator/v1";
/// Patient root: key of that slot.
pub const PATIENT_RECOVERY_SLOT: &str = "salus/patient/recovery-slot/v1";
/// Passkey's PRF output: key of its slot.
pub const PASSKEY_SLOT: &str = "salus/passkey-slot/v1";
/// Recovery code (16 bytes): key of its slot.
pub const RECOVERY_SLOT: &str = "salus/recovery-slot/v1";
/// Recovery code (16 bytes): where its slot is found.
pub const RECOVERY_LOCATOR: &str = "salus/recovery-locator/v1";
/// The text whose SHA-256 is the salt of the passkeys' PRF evaluation.
pub const PASSKEY_PRF_SALT: &str = "salus/passkey-prf/v1";

/// Compartment key as ikm, `S` as salt, + version id: the data key DEK.
pub const DATA_KEY: &str = "salus/data-key/v1";
/// Organisation link key + version id: seals one share.
pub const SHARE: &str = "salus/share/v1";
/// Patient link key + compartment id: wraps a compartment's key.
pub const WRAP: &str = "salus/wrap/v1";

/// Emergency key + compartment id + revision (u32, big-endian): the key of an emergency summary.
pub const EMERGENCY: &str = "salus/emergency/v1";

/// A node's storage key + type and identifiers of a resource at its source: its FHIR id here.
pub const FEED_IDS: &str = "salus/feed-ids/v1";
/// A node's storage key + random salt, + feed and number of a message: seals a message that a person is to look at.
pub const FEED_STORE: &str = "salus/feed-store/v1";
/// A node's storage key + feed and bytes of a message: by what a message that waits is known again.
pub const FEED_LETTER: &str = "salus/feed-letter/v1";
/// A node's storage key + FHIR type and id: by what an erased record is known again.
pub const ERASED_MARK: &str = "salus/erased-mark/v1";
/// A node's storage key + random salt, + kind and id of the entry: seals one secret in the node's own tables.
pub const VAULT_STORE: &str = "salus/vault-store/v1";

/// A node's storage key + random salt: seals the keys of the clinical store.
pub const CLINICAL_STORE: &str = "salus/clinical-store/v1";

/// A node's storage key + random salt, + table and key of the row: seals one row of the gateway's tables.
pub const GATEWAY_STORE: &str = "salus/gateway-store/v1";
/// A node's storage key + random salt: seals one line of the access log's journal.
pub const GATEWAY_JOURNAL: &str = "salus/gateway-journal/v1";

/// What opens a lock of a key store (32 bytes) + the store's id, the lock's name and kind: wraps the store's key.
pub const KEY_STORE_LOCK: &str = "salus/key-store/lock/v1";
/// A key store's key + random salt: seals the store's secrets.
pub const KEY_STORE_SECRETS: &str = "salus/key-store/secrets/v1";
/// What a token answers, followed by the store's id and the lock's salt.
pub const KEY_STORE_TOKEN: &str = "salus/key-store/token/v1";

/// HPKE context, followed by the network id: key link from an organisation to a patient.
pub const HPKE_PATIENT_LINK: &str = "salus/hpke/patient-link/v1";
/// HPKE context, followed by the network id: key link between organisations.
pub const HPKE_ORGANISATION_LINK: &str = "salus/hpke/organisation-link/v1";
/// HPKE context, followed by the network id: [`crate::vault::Letter`].
pub const HPKE_LETTER: &str = "salus/hpke/letter/v1";
/// HPKE context, followed by the network id: [`crate::vault::SourceNotice`].
pub const HPKE_SOURCE_NOTICE: &str = "salus/hpke/source-notice/v1";
/// HPKE context, followed by the network id: [`crate::vault::EnrolmentRequest`].
pub const HPKE_ENROLMENT_REQUEST: &str = "salus/hpke/enrolment-request/v1";
/// HPKE context, followed by the network id: [`crate::vault::EnrolmentAnswer`].
pub const HPKE_ENROLMENT_ANSWER: &str = "salus/hpke/enrolment-answer/v1";
/// HPKE context, followed by the network id: the shares of a [`crate::vault::Release`].
pub const HPKE_RELEASE: &str = "salus/hpke/release/v1";
/// HPKE context, followed by the network id: [`crate::vault::GivenBack`].
pub const HPKE_GIVE_BACK: &str = "salus/hpke/give-back/v1";
/// HPKE context, followed by the network id: an answer to [`crate::vault::PatientAsk::AccessLog`].
pub const HPKE_ACCESS_LOG: &str = "salus/hpke/access-log/v1";
/// HPKE context, followed by the network id: [`crate::vault::CaseLetter`].
pub const HPKE_CASE_LETTER: &str = "salus/hpke/case-letter/v1";
/// HPKE context, followed by the network id: the answer to it, a JSON document.
pub const HPKE_CASE_ANSWER: &str = "salus/hpke/case-answer/v1";
/// A node's storage key + random salt, + patient: seals a share of the patient's root in the gateway's tables.
pub const RECOVERY_STORE: &str = "salus/recovery-store/v1";
/// A node's storage key + random salt, + caller and path: seals a link to the next page of a FHIR answer.
pub const FHIR_PAGE: &str = "salus/fhir-page/v1";
/// A node's storage key + random salt, + job and name: seals a file of a bulk export, or what an import could not read, at
/// rest.
pub const BULK_FILE: &str = "salus/bulk-file/v1";
/// A node's storage key + random salt, + link and PIN: what is kept of the PIN of a link.
pub const LINK_PIN: &str = "salus/link-pin/v1";
/// A node's storage key, + link and time (u64, big-endian): authenticates the short-lived place of a link's file.
pub const LINK_PLACE: &str = "salus/link-place/v1";
/// A node's storage key, + generation (u32, big-endian) and attempt (one byte): the P-256 key that signs health cards.
pub const HEALTH_CARD_KEY: &str = "salus/health-card-key/v1";
/// A node's storage key, + network and holder: seed of the key with which this node helps that holder's index.
pub const LOCATION_KEY: &str = "salus/location-key/v1";
/// Value of a helper's key, + network, helper and holder: the token under which that holder knows a person.
pub const LOCATION_TOKEN: &str = "salus/location-token/v1";
/// A node's storage key, + token: the name under which a token of its own index is kept.
pub const LOCATION_ROW: &str = "salus/location-row/v1";
/// A node's storage key + random salt, + subscription: seals the headers that a receiver of notifications wants.
pub const SUBSCRIPTION_STORE: &str = "salus/subscription-store/v1";

/// HPKE context, followed by the network id: [`crate::vault::RecoveryLetter`].
pub const HPKE_RECOVERY_LETTER: &str = "salus/hpke/recovery-letter/v1";
/// HPKE context, followed by the network id: the answer to it, a JSON document.
pub const HPKE_RECOVERY_ANSWER: &str = "salus/hpke/recovery-answer/v1";
/// HPKE context, followed by the network id: [`crate::vault::ProxyKeys`].
pub const HPKE_PROXY_KEYS: &str = "salus/hpke/proxy-keys/v1";
/// HPKE context, followed by the network id: an [`crate::vault::EnrolmentRequest`] of a parent, with the keys for acting.
pub const HPKE_GUARDIAN_REQUEST: &str = "salus/hpke/guardian-request/v1";
/// HPKE context, followed by the network id: [`crate::vault::GuardianAnswer`].
pub const HPKE_GUARDIAN_ANSWER: &str = "salus/hpke/guardian-answer/v1";
/// HPKE context, followed by the network id: keys of new epochs for a grantee.
pub const HPKE_EPOCH_KEYS: &str = "salus/hpke/epoch-keys/v1";
/// HPKE context, followed by the network id: a share of an emergency key on its way to its holder.
pub const HPKE_EMERGENCY_SHARE: &str = "salus/hpke/emergency-share/v1";
/// HPKE context, followed by the network id: a share of an emergency key, released to who broke the glass.
pub const HPKE_EMERGENCY_RELEASE: &str = "salus/hpke/emergency-release/v1";

/// The HPKE `info` of a context in a network: the label's bytes and the network id.
pub fn hpke_info(label: &str, network: &crate::NetworkId) -> Vec<u8> {
    [label.as_bytes(), network.as_bytes()].concat()
}
