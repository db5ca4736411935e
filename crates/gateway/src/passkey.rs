//! Passkeys: WebAuthn Level 3 ceremonies for patients and for staff, each with its own set.
//!
//! Upon start: a challenge, kept here for five minutes. Upon finish: the challenge is taken away first, so that
//! of any number of answers to it at most one is looked at; a wrong answer uses it up. Credentials are
//! discoverable and verify their user. PRF stays between browser and authenticator: it is asked for, and no
//! result comes here.

use crate::error::{Code, Error};
use crate::state::{Config, OpenError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salus_crypto::random;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use url::Url;
use uuid::Uuid;
use webauthn_rs::WebauthnBuilder;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Webauthn, WebauthnError,
};

/// How long a challenge may be answered.
pub(crate) const CEREMONY_LIFETIME: Duration = Duration::from_secs(300);
/// Ceremonies under way at once.
const CEREMONIES_MAX: usize = 10_000;
/// Longest name that an authenticator is given to show, in characters.
const SHOWN_NAME_CHARS_MAX: usize = 64;

/// A ceremony that has begun: its name, and the options for the browser.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Begun {
    session: String,
    options: Value,
}

/// Whose passkey is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The user handle that the authenticator keeps.
    pub(crate) user: Uuid,
    /// What this ceremony belongs to, in the caller's words.
    pub(crate) of: String,
}

/// A passkey that was made.
pub(crate) struct Made {
    pub(crate) subject: Subject,
    pub(crate) passkey: Passkey,
}

enum Ceremony {
    Make(Box<PasskeyRegistration>, Subject),
    SignIn(Box<DiscoverableAuthentication>),
}

/// The ceremonies of one kind of people at this portal.
pub(crate) struct Passkeys {
    webauthn: Webauthn,
    begun: Mutex<HashMap<String, (Instant, Ceremony)>>,
}

impl Passkeys {
    /// For the portal's own origin; its host is the relying party.
    ///
    /// # Errors
    /// [`OpenError::Part`] if the public URL names no host.
    pub(crate) fn open(config: &Config, shown_name: &str) -> Result<Self, OpenError> {
        let refuse = |_| OpenError::Part("the public URL is no origin with a host name".into());
        let origin = Url::parse(&config.public_url).map_err(|error| refuse(error.to_string()))?;
        let host = origin.domain().ok_or_else(|| refuse(String::new()))?.to_owned();
        let mut builder = WebauthnBuilder::new(&host, &origin)
            .map_err(|error| refuse(error.to_string()))?
            .rp_name(shown_name)
            .timeout(CEREMONY_LIFETIME);
        for more in &config.more_origins {
            builder =
                builder.append_allowed_origin(&Url::parse(more).map_err(|error| refuse(error.to_string()))?);
        }
        let webauthn = builder.build().map_err(|error| refuse(error.to_string()))?;
        Ok(Self { webauthn, begun: Mutex::default() })
    }

    /// Begins making a passkey. `held` are the passkeys that the person has here already.
    ///
    /// # Errors
    /// [`Code::Throttled`] if too many ceremonies are under way.
    pub(crate) fn begin_making(
        &self,
        subject: Subject,
        name: &str,
        held: &[Passkey],
    ) -> Result<Begun, Error> {
        let name: String = name.chars().filter(|c| !c.is_control()).take(SHOWN_NAME_CHARS_MAX).collect();
        let held = held.iter().map(|passkey| passkey.cred_id().clone()).collect();
        let (options, state) = self
            .webauthn
            .start_passkey_registration(subject.user, &name, &name, Some(held))
            .map_err(Error::internal)?;
        let mut options = inner(serde_json::to_value(options))?;
        options["authenticatorSelection"]["residentKey"] = json!("required");
        options["authenticatorSelection"]["requireResidentKey"] = json!(true);
        options["extensions"]["prf"] = json!({});
        self.keep(Ceremony::Make(Box::new(state), subject), options)
    }

    /// Ends making a passkey.
    ///
    /// # Errors
    /// [`Code::Gone`] if the challenge is used up or too old; [`Code::Forbidden`] for a wrong answer.
    pub(crate) fn finish_making(
        &self,
        session: &str,
        answer: &RegisterPublicKeyCredential,
    ) -> Result<Made, Error> {
        let Ceremony::Make(state, subject) = self.take(session)? else { return Err(gone()) };
        let passkey = self.webauthn.finish_passkey_registration(answer, &state).map_err(refused)?;
        Ok(Made { subject, passkey })
    }

    /// Ends a ceremony for a person who makes no passkey after all; returns whose it was.
    ///
    /// # Errors
    /// As [`Self::finish_making`].
    pub(crate) fn abandon_making(&self, session: &str) -> Result<Subject, Error> {
        let Ceremony::Make(_, subject) = self.take(session)? else { return Err(gone()) };
        Ok(subject)
    }

    /// Begins a sign-in: whoever holds one of this portal's passkeys may answer.
    ///
    /// # Errors
    /// As [`Self::begin_making`].
    pub(crate) fn begin_sign_in(&self) -> Result<Begun, Error> {
        let (options, state) = self.webauthn.start_discoverable_authentication().map_err(Error::internal)?;
        let options = inner(serde_json::to_value(options))?;
        self.keep(Ceremony::SignIn(Box::new(state)), options)
    }

    /// Ends a sign-in. `find` gives the passkey of a credential id.
    ///
    /// # Errors
    /// As [`Self::finish_making`], and what `find` returns.
    pub(crate) fn finish_sign_in<W>(
        &self,
        session: &str,
        answer: &PublicKeyCredential,
        find: impl FnOnce(&str) -> Result<Option<(W, Passkey)>, Error>,
    ) -> Result<(W, AuthenticationResult), Error> {
        let Ceremony::SignIn(state) = self.take(session)? else { return Err(gone()) };
        let (who, passkey) = find(&id_text(answer.get_credential_id()))?.ok_or_else(unknown)?;
        let result =
            self.webauthn.finish_discoverable_authentication_v2(answer, *state, &passkey).map_err(refused)?;
        if !result.user_verified() {
            return Err(Error::new(Code::Forbidden, "the device did not check that it is you"));
        }
        Ok((who, result))
    }

    fn keep(&self, ceremony: Ceremony, options: Value) -> Result<Begun, Error> {
        let session = hex::encode(random::bytes::<16>());
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() >= CEREMONIES_MAX {
            begun.retain(|_, (at, _)| at.elapsed() < CEREMONY_LIFETIME);
        }
        if begun.len() >= CEREMONIES_MAX {
            return Err(Error::new(Code::Throttled, "too many people are signing in at once").retry_after(5));
        }
        begun.insert(session.clone(), (Instant::now(), ceremony));
        Ok(Begun { session, options })
    }

    fn take(&self, session: &str) -> Result<Ceremony, Error> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, ceremony) = begun.remove(session).ok_or_else(gone)?;
        (at.elapsed() < CEREMONY_LIFETIME).then_some(ceremony).ok_or_else(gone)
    }
}

/// A credential id as JSON carries it.
pub(crate) fn id_text(id: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

/// The options as `navigator.credentials` takes them, without webauthn-rs's envelope.
fn inner(options: Result<Value, serde_json::Error>) -> Result<Value, Error> {
    options.map(|mut options| options["publicKey"].take()).map_err(Error::internal)
}

fn gone() -> Error {
    Error::new(Code::Gone, "this sign-in has ended or was used already; start again")
}

fn unknown() -> Error {
    Error::new(Code::Forbidden, "this passkey is not known here")
}

fn refused(error: WebauthnError) -> Error {
    // The name of the variant alone: what follows it may repeat the answer.
    let text = format!("{error:?}");
    let kind: String = text.chars().take_while(char::is_ascii_alphanumeric).collect();
    tracing::info!(kind, "a passkey's answer is refused");
    Error::new(Code::Forbidden, "the passkey's answer does not fit")
}
