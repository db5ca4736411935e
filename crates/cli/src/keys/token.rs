//! A token that opens a lock: a hardware security module, a smart card, or SoftHSM, by PKCS #11.
//!
//! The token has a generic secret of 32 bytes that it does not give out. It answers the store's id and the lock's salt
//! by HMAC-SHA256 (`CKM_SHA256_HMAC`), and the answer wraps the store's key as a passphrase would. Almost every token
//! can do that, none picks a nonce, and no quantum computer undoes it; see ADR 0021.

use anyhow::{Context as _, bail, ensure};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use salus_crypto::{Secret32, random};
use salus_types::label;
use std::path::Path;
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of the key in the token.
const KEY_LEN: u64 = 32;

/// A token that was logged in to. The session ends, and the library is left, when this is dropped.
pub(super) struct Token(Session);

impl Token {
    /// Loads the library and logs in. A wrong PIN is not tried twice. Only who is to make a key may write to the token: a
    /// node that opens its store may see the token's files read-only.
    pub(super) fn open(module: &Path, label: &str, pin: &[u8], writes: bool) -> anyhow::Result<Self> {
        let library = Pkcs11::new(module).with_context(|| format!("cannot load `{}`", module.display()))?;
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        library.initialize(arguments).context("the PKCS #11 library does not start")?;
        let slot = slot(&library, label)?;
        let session = if writes { library.open_rw_session(slot) } else { library.open_ro_session(slot) };
        let session = session.context("the token gives no session")?;
        let pin = std::str::from_utf8(pin).context("a token's PIN is text")?;
        session.login(UserType::User, Some(&AuthPin::new(pin.into()))).map_err(|error| match error {
            Error::Pkcs11(RvError::PinIncorrect, _) => anyhow::anyhow!("the token refuses the PIN"),
            Error::Pkcs11(RvError::PinLocked, _) => {
                anyhow::anyhow!(
                    "the token is locked after too many wrong PINs: its security officer unlocks it"
                )
            }
            other => anyhow::Error::new(other).context("cannot log in to the token"),
        })?;
        Ok(Self(session))
    }

    /// The `CKA_ID` of the key with a label, which is made if there is none. One that could leave the token is refused.
    pub(super) fn key(&self, label: &str) -> anyhow::Result<Vec<u8>> {
        let named = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(label.into())];
        let key = match self.0.find_objects(&named).context("cannot search the token")?.as_slice() {
            [] => self.make_key(label)?,
            [key] => *key,
            _ => bail!("the token has several secret keys named `{label}`"),
        };
        let wanted = [AttributeType::Id, AttributeType::Sensitive, AttributeType::Extractable];
        let found = self.0.get_attributes(key, &wanted).context("cannot look at the token's key")?;
        ensure!(
            stays_inside(&found),
            "the token would give the key `{label}` out: it must be sensitive and not extractable"
        );
        let id = found.into_iter().find_map(|attribute| match attribute {
            Attribute::Id(id) => Some(id),
            _ => None,
        });
        let id = id.filter(|id| (1..=32).contains(&id.len()));
        id.with_context(|| format!("the token's key `{label}` has no CKA_ID of 1 to 32 bytes"))
    }

    fn make_key(&self, label: &str) -> anyhow::Result<ObjectHandle> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::ValueLen(KEY_LEN.into()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Label(label.into()),
            Attribute::Id(random::bytes::<16>().to_vec()),
        ];
        let made = self.0.generate_key(&Mechanism::GenericSecretKeyGen, &template);
        made.context("the token makes no generic secret of 32 bytes")
    }

    /// What the token answers for a lock of a store.
    pub(super) fn answer(&self, key: &[u8], store: &[u8; 32], salt: &[u8; 32]) -> anyhow::Result<Secret32> {
        let wanted = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Id(key.to_vec())];
        let found = self.0.find_objects(&wanted).context("cannot search the token")?;
        let [key] = found.as_slice() else {
            bail!("the token has {} keys of the id that the lock names", found.len())
        };
        let message = [label::KEY_STORE_TOKEN.as_bytes(), store, salt].concat();
        let answer =
            self.0.sign(&Mechanism::Sha256Hmac, *key, &message).context("the token does not answer")?;
        let answer = Zeroizing::new(answer);
        let mut answer: [u8; 32] =
            answer.as_slice().try_into().context("the token's answer is no HMAC-SHA256")?;
        let secret = Secret32::from_bytes(&answer);
        answer.zeroize();
        Ok(secret)
    }
}

/// Whether a key with these attributes never leaves its token.
pub(super) fn stays_inside(attributes: &[Attribute]) -> bool {
    [Attribute::Sensitive(true), Attribute::Extractable(false)]
        .iter()
        .all(|wanted| attributes.contains(wanted))
}

/// The slot of the one token with a label.
fn slot(library: &Pkcs11, label: &str) -> anyhow::Result<Slot> {
    let mut found = None;
    for slot in library.get_slots_with_token().context("cannot list the tokens")? {
        if library.get_token_info(slot).context("cannot look at a token")?.label() == label {
            ensure!(found.is_none(), "there are several tokens named `{label}`");
            found = Some(slot);
        }
    }
    found.with_context(|| format!("there is no token named `{label}`"))
}
