//! Samples of what is said about who acts for a patient, for the tests of all encodings.

use super::{
    Consent, GuardianAnswer, Mandate, ProxyKey, ProxyKeys, ProxyRequest, ProxyRequestBody, SignedMandate,
    Terms,
};
use crate::action::{Appoint, EndAppointment, ProxyAct};
use crate::category::Category;
use crate::codec::Text;
use crate::ids::{Address, AppointmentId, CompartmentId, GrantId, NetworkId, VersionId};
use crate::organisation::KEM_KEY_LENGTH;
use crate::proxy::{Act, PROXY_GRAIN_MS, ProxyGrant, ProxyRead, ProxyRevoke};
use crate::state::{ActEntry, AppointmentEntry};
use crate::vault::PatientAsk;
use salus_crypto::hash::{Digest, sha256};
use salus_crypto::sign::SigningKey;

const EXPIRY_MS: u64 = 3_100 * PROXY_GRAIN_MS;

fn digest(n: u8) -> Digest {
    sha256([n])
}

fn signing_key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

pub(crate) fn appointment() -> AppointmentId {
    AppointmentId::of(&signing_key(7).public())
}

pub(crate) fn appoint() -> Appoint {
    Appoint {
        mandate: mandate().mandate.commitment(),
        proxy: signing_key(6).public(),
        shares: true,
        expiry_ms: EXPIRY_MS,
    }
}

pub(crate) fn end_appointment() -> EndAppointment {
    EndAppointment { appointment: appointment() }
}

pub(crate) fn acts() -> [Act; 3] {
    [
        ProxyRead { versions_root: digest(8), count: 12 }.into(),
        ProxyGrant { terms: digest(4), scope: digest(5), expiry_ms: 1_900_000_000_000 }.into(),
        ProxyRevoke { grant: GrantId(digest(6)) }.into(),
    ]
}

pub(crate) fn proxy_act() -> ProxyAct {
    let [read, ..] = acts();
    ProxyAct { appointment: appointment(), number: 2, act: read }
}

pub(crate) fn appointment_entry() -> AppointmentEntry {
    AppointmentEntry {
        mandate: mandate().mandate.commitment(),
        proxy: signing_key(6).public(),
        shares: true,
        expiry_ms: EXPIRY_MS,
        height: 3,
        time_ms: 4,
        ended: Some(5),
        acts: 6,
    }
}

pub(crate) fn act_entry() -> ActEntry {
    ActEntry { act: ProxyRead { versions_root: digest(8), count: 12 }.into(), height: 3, time_ms: 4 }
}

pub(crate) fn mandate() -> SignedMandate {
    let mandate = Mandate {
        network: NetworkId(digest(59)),
        appointment: appointment(),
        source: "hospital-a".parse().expect("a name"),
        owner: Address::of(&signing_key(4).public()),
        proxy: signing_key(6).public(),
        kem_key: vec![1; KEM_KEY_LENGTH].try_into().expect("a key"),
        shares: true,
        asks: false,
        expiry_ms: EXPIRY_MS,
        compartments: vec![CompartmentId(digest(20))].try_into().expect("few"),
        salt: [9; 32],
    };
    mandate.sign(&signing_key(4))
}

pub(crate) fn consent_for(terms: &Terms) -> Consent {
    Consent::sign_for(terms, &signing_key(6), mandate())
}

pub(crate) fn proxy_request() -> ProxyRequest {
    let body = ProxyRequestBody {
        audience: "regulator".parse().expect("a name"),
        ask: PatientAsk::Release,
        mandate: mandate(),
        act: Some(2),
        time_ms: 5,
        nonce: [6; 16],
        versions: vec![VersionId(digest(21))].try_into().expect("few"),
    };
    ProxyRequest::sign(body, &signing_key(6))
}

pub(crate) fn guardian_answer() -> GuardianAnswer {
    GuardianAnswer {
        mandate: mandate(),
        patient: Text::new("p-1").expect("short"),
        name: Text::new("Kai Lind").expect("short"),
    }
}

pub(crate) fn proxy_keys() -> ProxyKeys {
    let key = ProxyKey {
        compartment: CompartmentId(digest(20)),
        epoch: 1,
        predecessor: Some(CompartmentId(digest(19))),
        category: Category::Labs,
        key: [2; 32],
    };
    ProxyKeys { keys: vec![key].try_into().expect("few") }
}
