//! Letters to an organisation about the person's rights: sealed, signed, and answered by sealed JSON.

use super::Session;
use crate::clock::now_ms;
use anyhow::Context as _;
use commonware_codec::Encode as _;
use salus_crypto::random;
use salus_types::organisation::Organisation;
use salus_types::vault::CaseLetter;
use salus_types::{Bounded, OrganisationId, Signature, Text, label};
use salus_vault::{open_envelope, seal_envelope};
use serde_json::Value;

impl Session {
    /// The organisation with a short name, if the person is enrolled there.
    pub(super) fn at(&self, organisation: &OrganisationId) -> anyhow::Result<Organisation> {
        let found = self.sources()?.into_iter().find(|source| source.id == *organisation);
        found.with_context(|| format!("this person is not a patient of `{organisation}`"))
    }

    /// What an organisation answers to a letter (`docs/protocol/cases.md`).
    pub(super) async fn write_to(&self, to: &Organisation, what: &Value) -> anyhow::Result<Value> {
        let (own, network) = (self.root.at(&to.id), self.members.network());
        let letter = CaseLetter {
            network,
            organisation: to.id.clone(),
            patient: own.signing.public(),
            kem_key: Bounded::new(own.kem.public().0.to_vec())?,
            time_ms: now_ms()?,
            nonce: random::bytes(),
            text: Text::new(what.to_string()).context("this is too long for a letter")?,
            mandate: None,
            signature: Signature([0; 64]),
        };
        let letter = letter.signed(&own.signing).encode();
        let sealed = seal_envelope(&own.signing, &to.kem_key, label::HPKE_CASE_LETTER, &network, &letter)?;
        let answer = self.relay.case(&to.id, &sealed).await?;
        let plain = open_envelope(&answer, &to.node_key, &own.kem, label::HPKE_CASE_ANSWER, &network)?;
        serde_json::from_slice(&plain).context("the organisation gave a malformed answer")
    }
}
