//! The tables of accounts.

use crate::clock;
use crate::error::{Code, Error};
use crate::store::{Rows, WriteTransaction};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salus_crypto::hash::hash;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use webauthn_rs::prelude::Passkey;

/// By user handle.
pub(super) const ACCOUNTS: Rows<Account> = Rows::new("accounts");
/// Account of a credential id.
pub(super) const CREDENTIALS: Rows<Uuid> = Rows::new("account-credentials");
/// Account of the hash of a recovery locator.
pub(super) const LOCATORS: Rows<Uuid> = Rows::new("account-locators");
/// Backup of an account, base64.
pub(super) const BACKUPS: Rows<String> = Rows::new("account-backups");

/// Most passkeys of one account.
pub(super) const PASSKEYS_MAX: usize = 16;
/// Largest sealed slot in bytes.
const SEALED_BYTES_MAX: usize = 512;

/// What opens a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// The PRF output of a passkey.
    Passkey,
    /// A recovery code.
    Recovery,
    /// The root itself, put together again from its recovery shares.
    Shares,
}

/// A sealed root as the device sends it.
#[derive(Clone, Deserialize)]
pub(super) struct NewSlot {
    pub(super) kind: Kind,
    pub(super) sealed: String,
}

/// A sealed root as it is kept and given back.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) sealed: String,
    pub(super) created_ms: u64,
    /// When it last opened the account here.
    #[serde(default)]
    pub(super) used_ms: Option<u64>,
}

/// An account.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) passkeys: Vec<Passkey>,
    pub(super) slots: Vec<Slot>,
    /// Hash of the recovery locator.
    pub(super) locator: Option<String>,
    /// Hash of the locator that is derived from the root, of a person who has given out recovery shares.
    #[serde(default)]
    pub(super) shares_locator: Option<String>,
}

impl Account {
    /// The slot of a recovery code.
    pub(super) fn recovery(&self) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.kind == Kind::Recovery)
    }

    /// Adds a passkey and the slot that it opens, if the device could make one.
    pub(super) fn add_passkey(&mut self, id: &str, passkey: Passkey, slot: Option<&NewSlot>) {
        self.passkeys.push(passkey);
        self.slots.extend(slot.map(|slot| Slot::new(id.to_owned(), slot)));
    }

    /// Puts a recovery code in the place of the old one; returns the old locator.
    pub(super) fn set_recovery(&mut self, slot: &NewSlot, locator: String) -> Option<String> {
        self.slots.retain(|slot| slot.kind != Kind::Recovery);
        self.slots.push(Slot::new("recovery".into(), slot));
        self.locator.replace(locator)
    }

    /// Puts the slot that shares open in the place of the old one, or takes that away; returns the old locator.
    pub(super) fn set_shares(&mut self, new: Option<(&NewSlot, String)>) -> Option<String> {
        self.slots.retain(|slot| slot.kind != Kind::Shares);
        self.slots.extend(new.as_ref().map(|(slot, _)| Slot::new("shares".into(), slot)));
        std::mem::replace(&mut self.shares_locator, new.map(|(_, locator)| locator))
    }

    /// The slot that a locator finds.
    pub(super) fn found_by(&self, locator: &str) -> Option<&Slot> {
        let kind = if self.locator.as_deref() == Some(locator) {
            Kind::Recovery
        } else if self.shares_locator.as_deref() == Some(locator) {
            Kind::Shares
        } else {
            return None;
        };
        self.slots.iter().find(|slot| slot.kind == kind)
    }

    /// Notes that a slot opened the account now.
    pub(super) fn note_use(&mut self, id: &str) {
        let slot = self.slots.iter_mut().find(|slot| slot.id == id);
        if let Some(slot) = slot {
            slot.used_ms = Some(clock::now_ms());
        }
    }
}

impl Slot {
    fn new(id: String, new: &NewSlot) -> Self {
        Self { id, kind: new.kind, sealed: new.sealed.clone(), created_ms: clock::now_ms(), used_ms: None }
    }
}

/// Splits slots into that of a passkey and that of a recovery code, at most one of each.
///
/// # Errors
/// [`Code::Invalid`].
pub(super) fn sort_slots(slots: &[NewSlot]) -> Result<(Option<&NewSlot>, Option<&NewSlot>), Error> {
    for slot in slots {
        check_sealed(&slot.sealed)?;
    }
    let of = |kind| slots.iter().filter(move |slot| slot.kind == kind);
    if of(Kind::Passkey).count() > 1 || of(Kind::Recovery).count() > 1 || of(Kind::Shares).count() > 0 {
        return Err(Error::new(
            Code::Invalid,
            "at most one slot of each kind is expected, and none of shares",
        ));
    }
    Ok((of(Kind::Passkey).next(), of(Kind::Recovery).next()))
}

/// Whether a sealed slot may be kept.
///
/// # Errors
/// [`Code::Invalid`].
pub(super) fn check_sealed(sealed: &str) -> Result<(), Error> {
    let length = STANDARD.decode(sealed).map(|bytes| bytes.len()).unwrap_or_default();
    let fits = (1..=SEALED_BYTES_MAX).contains(&length);
    fits.then_some(()).ok_or_else(|| Error::new(Code::Invalid, "a slot is not base64, empty or too large"))
}

/// The key of [`LOCATORS`].
///
/// # Errors
/// [`Code::Invalid`] for anything but 32 bytes in hex.
pub(super) fn locator_key(locator: &str) -> Result<String, Error> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(locator, &mut bytes)
        .map_err(|_| Error::new(Code::Invalid, "the locator is not 32 bytes in hex"))?;
    Ok(hash("salus/recovery-row/v1", &[&bytes]).to_string())
}

/// Changes an account within a write.
///
/// # Errors
/// [`Code::SignIn`] if it is gone; what `change` returns.
pub(super) fn change<T>(
    tx: &WriteTransaction,
    user: Uuid,
    change: impl FnOnce(&mut Account) -> Result<T, Error>,
) -> Result<T, Error> {
    let key = user.to_string();
    let mut account =
        ACCOUNTS.get_mut(tx, &key)?.ok_or_else(|| Error::new(Code::SignIn, "this account is gone"))?;
    let answer = change(&mut account)?;
    ACCOUNTS.put(tx, &key, &account)?;
    Ok(answer)
}

/// Notes that a credential belongs to an account.
///
/// # Errors
/// [`Code::Conflict`] if it belongs to one already.
pub(super) fn claim_credential(tx: &WriteTransaction, id: &str, user: Uuid) -> Result<(), Error> {
    let new = CREDENTIALS.put_new(tx, id, &user)?;
    new.then_some(()).ok_or_else(|| Error::new(Code::Conflict, "this passkey is registered already"))
}

/// Notes that a recovery locator belongs to an account.
///
/// # Errors
/// [`Code::Conflict`] if it belongs to one already.
pub(super) fn claim_locator(tx: &WriteTransaction, key: &str, user: Uuid) -> Result<(), Error> {
    let new = LOCATORS.put_new(tx, key, &user)?;
    new.then_some(()).ok_or_else(|| Error::new(Code::Conflict, "this recovery code is taken; make a new one"))
}

/// Removes an account with everything that finds it.
///
/// # Errors
/// A fault of the store.
pub(super) fn remove(tx: &WriteTransaction, user: Uuid) -> Result<(), Error> {
    let key = user.to_string();
    let Some(account) = ACCOUNTS.take(tx, &key)? else { return Ok(()) };
    for passkey in &account.passkeys {
        CREDENTIALS.take(tx, &crate::passkey::id_text(passkey.cred_id()))?;
    }
    for locator in account.locator.iter().chain(&account.shares_locator) {
        LOCATORS.take(tx, locator)?;
    }
    BACKUPS.take(tx, &key)?;
    Ok(())
}
