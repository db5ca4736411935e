//! One question for the tests of all formats.

use super::{LOCATION_TOKENS, LocationAsk, LocationToken};
use crate::category::Purpose;
use crate::codec::Bounded;
use crate::ids::{NetworkId, OrganisationId};
use salus_crypto::hash::Digest;
use salus_crypto::sign::{Signature, SigningKey};

pub(crate) fn location_ask() -> LocationAsk {
    let id = |text: &str| text.parse::<OrganisationId>().expect("id");
    let token = |n: u8| LocationToken { group: Digest([n; 32]), token: Digest([n + 100; 32]) };
    let tokens = (0..LOCATION_TOKENS as u8).map(token).collect();
    LocationAsk {
        network: NetworkId(Digest([9; 32])),
        asker: id("hospital-a"),
        holder: id("hospital-b"),
        helper: id("regulator"),
        helper_key: [3; 32],
        purpose: Purpose::Treatment,
        tokens: Bounded::new(tokens).expect("eight"),
        time_ms: 5,
        nonce: [6; 16],
        signature: Signature([0; 64]),
    }
    .signed(&SigningKey::from_seed(&[1; 32]))
}

#[test]
fn an_answer_is_to_one_question_by_one_key() {
    use super::LocationAnswer;
    let (key, other) = (SigningKey::from_seed(&[2; 32]), SigningKey::from_seed(&[3; 32]));
    let ask = location_ask();
    let answer = LocationAnswer { ask: ask.digest(), held: true, signature: Signature([0; 64]) }.signed(&key);
    assert!(answer.answers(&ask, &key.public()));
    assert!(!answer.answers(&ask, &other.public()));
    assert!(!answer.answers(&LocationAsk { nonce: [7; 16], ..ask.clone() }, &key.public()));
    assert!(!LocationAnswer { held: false, ..answer }.answers(&ask, &key.public()));
    assert!(ask.is_by(&SigningKey::from_seed(&[1; 32]).public()));
    assert!(
        !LocationAsk { holder: "hospital-c".parse().expect("id"), ..ask }
            .is_by(&SigningKey::from_seed(&[1; 32]).public())
    );
}
