//! Keys of epochs that a letter did not carry, from the source to a grantee whose grant stands. Which epochs the grant
//! reaches, custodians decide: a key alone opens nothing.

use super::grants::{letter, put_keys};
use super::{Mailbox, MailboxError};
use crate::ledger::member;
use crate::node::blocking;
use crate::store::Reads as _;
use crate::store::tables::{DROPPED, GRANT_KEYS};
use salus_types::vault::{EpochKeys, SealedEnvelope};
use salus_types::{OrganisationId, decode_canonical, label};

/// Most keys of one grant.
const KEYS_PER_GRANT_MAX: usize = 4_096;

impl Mailbox {
    /// Takes an envelope of epochs' keys from the source `from` (known by its connection). Durable on return.
    ///
    /// # Errors
    /// [`MailboxError`]; nothing is kept then.
    pub async fn receive_keys(
        &self,
        from: &OrganisationId,
        envelope: SealedEnvelope,
    ) -> Result<(), MailboxError> {
        if envelope.ciphertext.len() > super::ENVELOPE_BYTES_MAX {
            return Err(MailboxError::TooLarge);
        }
        let source = member(&*self.ctx.ledger, from).ok_or(MailboxError::Refused("unknown sender"))?;
        let (ctx, from) = (self.ctx.clone(), from.clone());
        blocking(move || {
            let plain = ctx.node.open(&envelope, &source.node_key, label::HPKE_EPOCH_KEYS)?;
            let keys: EpochKeys =
                decode_canonical(&plain).map_err(|_| MailboxError::Refused("malformed keys"))?;
            if keys.source != from {
                return Err(MailboxError::Refused("the keys are another source's"));
            }
            let tx = ctx.store.write()?;
            if tx.get(&DROPPED, keys.grant.as_bytes())?.is_some() {
                return Ok(());
            }
            let Some((letter, _)) = letter(&ctx.store, &tx, &keys.grant)? else {
                return Err(MailboxError::Refused("no letter of that grant has come"));
            };
            if letter.terms.source != from {
                return Err(MailboxError::Refused("the grant is over another source's records"));
            }
            let known = tx.scan(&GRANT_KEYS, keys.grant.as_bytes(), None, KEYS_PER_GRANT_MAX)?;
            if known.len() + keys.keys.len() > KEYS_PER_GRANT_MAX {
                return Err(MailboxError::Refused("too many keys"));
            }
            put_keys(&ctx.store, &tx, &keys.grant, &keys.keys)?;
            Ok(tx.commit()?)
        })
        .await
    }
}
