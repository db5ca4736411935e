//! What is sealed to this organisation about a recovery: opened, and answered with a sealed JSON document.

use super::{ask, deposit, rekey};
use crate::envelope;
use crate::error::{Code, Error};
use crate::state::Gateway;
use salus_types::vault::{RecoveryLetter, SealedEnvelope};
use salus_types::{NetworkId, OrganisationId, decode_canonical, label};
use serde_json::Value;

/// Answers a sealed [`RecoveryLetter`].
///
/// # Errors
/// [`Code::Invalid`] for what is malformed or for another organisation; see `deposit` and `ask`.
pub(crate) async fn answer(gateway: &Gateway, sealed: SealedEnvelope) -> Result<SealedEnvelope, Error> {
    let plain = envelope::open(&sealed, &gateway.ports.kem, label::HPKE_RECOVERY_LETTER, &gateway.network)?;
    let letter = decode_canonical(&plain)
        .map_err(|_| Error::new(Code::Invalid, "what is sealed is no such letter"))?;
    let (kem_key, document): (_, Value) = match letter {
        RecoveryLetter::RecoveryDeposit(letter) => {
            for_us(gateway, &letter.network, &letter.organisation)?;
            if sealed.sender != letter.patient {
                return Err(Error::new(Code::SignIn, "the letter is sealed by another key than it names"));
            }
            (letter.kem_key.clone(), deposit::take(gateway, letter).await?)
        }
        RecoveryLetter::Rekey(letter) => {
            for_us(gateway, &letter.network, &letter.organisation)?;
            if sealed.sender != letter.new {
                return Err(Error::new(Code::SignIn, "the letter is sealed by another key than it names"));
            }
            (letter.kem_key.clone(), rekey::replace(gateway, letter).await?)
        }
        RecoveryLetter::RecoveryAsk(letter) => {
            for_us(gateway, &letter.network, &letter.organisation)?;
            (letter.kem_key.clone(), ask::answer(gateway, letter).await?)
        }
    };
    let document = document.to_string();
    let label = label::HPKE_RECOVERY_ANSWER;
    envelope::seal(&gateway.key, kem_key.as_ref(), label, &gateway.network, document.as_bytes())
}

fn for_us(gateway: &Gateway, network: &NetworkId, organisation: &OrganisationId) -> Result<(), Error> {
    let ours = *network == gateway.network && *organisation == gateway.config.organisation;
    ours.then_some(()).ok_or_else(|| Error::new(Code::Invalid, "the letter is for another organisation"))
}
