//! Patient accounts at this portal: a place for sealed roots, opened by a passkey or a recovery code.
//!
//! Upon register: a passkey or a recovery code, and the slots that they open. Upon sign-in: the slots. Upon
//! recovery: the slot that a code opens, and a session.
//!
//! Architecture invariant: no root, no name and no key of a person is ever here. Which records belong to an
//! account is not known here either: the account is not linked to any address or Patient resource.

mod backup;
mod manage;
mod recovery;
mod register;
mod rows;
mod signin;
#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::limits::{BACKUP_BYTES_MAX, PORTAL_JSON_BYTES_MAX};
use crate::origin;
use crate::passkey::Passkeys;
use crate::rate::{Caller, RateLimit};
use crate::session::Sessions;
use crate::state::{Config, Gateway, OpenError};
use crate::store::Store;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use rows::Account;
use std::time::Duration;
use uuid::Uuid;

/// How long a browser stays signed in. The portal locks the root itself after minutes.
const SESSION_LIFETIME: Duration = Duration::from_secs(8 * 3_600);

/// Patient accounts at this portal.
pub struct Accounts {
    store: Store,
    passkeys: Passkeys,
    sessions: Sessions<Uuid>,
    attempts: RateLimit,
    recoveries: RateLimit,
    letters: RateLimit,
    decoy_key: String,
}

impl Accounts {
    /// Opens what lives in the gateway's tables.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(store: &Store, config: &Config) -> Result<Self, OpenError> {
        Ok(Self {
            store: store.clone(),
            passkeys: Passkeys::open(config, "Salus health record")?,
            sessions: Sessions::new(store, config, "account-sessions", "salus_account", SESSION_LIFETIME),
            attempts: RateLimit::of(config, config.limits.attempts_per_minute),
            recoveries: RateLimit::of(config, config.limits.recoveries_per_minute),
            letters: RateLimit::of(config, config.limits.attempts_per_minute),
            decoy_key: recovery::decoy_key(store)?,
        })
    }

    /// Forgets sessions that have ended.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) async fn prune(&self) -> Result<usize, Error> {
        Ok(self.sessions.prune().await?)
    }

    /// Whether somebody may leave and read letters: whoever has an account here, and not without end.
    ///
    /// # Errors
    /// [`crate::error::Code::SignIn`] or [`crate::error::Code::Throttled`].
    pub(crate) fn letters_for(&self, caller: Caller, headers: &HeaderMap) -> Result<(), Error> {
        self.letters.check(caller)?;
        self.require(headers).map(|_| ())
    }

    /// Whether a patient is signed in on this browser.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) fn is_signed_in(&self, headers: &HeaderMap) -> Result<bool, Error> {
        self.signed_in(headers).map(|found| found.is_some())
    }

    /// Whose browser this is.
    fn signed_in(&self, headers: &HeaderMap) -> Result<Option<(Uuid, Account)>, Error> {
        let Some(user) = self.sessions.find(headers)? else { return Ok(None) };
        let account = self.store.read(|tx| rows::ACCOUNTS.get(tx, &user.to_string()))?;
        Ok(account.map(|account| (user, account)))
    }

    fn require(&self, headers: &HeaderMap) -> Result<(Uuid, Account), Error> {
        self.signed_in(headers)?.ok_or_else(|| Error::new(crate::error::Code::SignIn, "please sign in first"))
    }
}

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    let backup = get(backup::read).put(backup::write).layer(DefaultBodyLimit::max(BACKUP_BYTES_MAX));
    Router::new()
        .route("/account", get(manage::show))
        .route("/account/register/start", post(register::start))
        .route("/account/register/finish", post(register::finish))
        .route("/account/signin/start", post(signin::start))
        .route("/account/signin/finish", post(signin::finish))
        .route("/account/signout", post(signin::out))
        .route("/account/recovery", post(recovery::find).put(recovery::replace))
        .route("/account/shares", put(recovery::keep_shares).delete(recovery::drop_shares))
        .route("/account/passkeys/start", post(manage::add_start))
        .route("/account/passkeys/finish", post(manage::add_finish))
        .route("/account/passkeys/{slot}", delete(manage::remove))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .route("/account/backup", backup)
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
}

/// An answer that sets the session's cookie.
fn with_cookie(cookie: HeaderValue, answer: impl IntoResponse) -> Response {
    ([(header::SET_COOKIE, cookie)], answer).into_response()
}
