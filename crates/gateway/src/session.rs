//! Signed-in browsers: a random token in a cookie, its hash in a table.
//!
//! The cookie is `HttpOnly`, `SameSite=Strict` and, but for the demo on plain HTTP, `Secure`. Its name ends in
//! the organisation's, because browsers share cookies between the ports of one host, and a demo has every
//! organisation on one.

use crate::clock;
use crate::error::Error;
use crate::state::Config;
use crate::store::{Rows, Store, StoreError};
use axum::http::{HeaderMap, HeaderValue, header};
use salus_crypto::hash::hash;
use salus_crypto::random;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A session as the table keeps it.
#[derive(Clone, Serialize, Deserialize)]
struct Row<T> {
    who: T,
    expires_ms: u64,
}

/// The sessions of one kind of people.
pub(crate) struct Sessions<T> {
    store: Store,
    rows: Rows<Row<T>>,
    cookie: String,
    secure: bool,
    lifetime: Duration,
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Sessions<T> {
    /// Sessions in table `table`, carried by a cookie `cookie`.
    pub(crate) fn new(
        store: &Store,
        config: &Config,
        table: &'static str,
        cookie: &str,
        lifetime: Duration,
    ) -> Self {
        Self {
            store: store.clone(),
            rows: Rows::new(table),
            cookie: format!("{cookie}_{}", config.organisation),
            secure: !config.demo_http,
            lifetime,
        }
    }

    /// Opens a session; the answer sets the cookie.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) async fn open(&self, who: T) -> Result<HeaderValue, Error> {
        let token = hex::encode(random::bytes::<32>());
        let row = Row { who, expires_ms: clock::now_ms() + self.lifetime.as_millis() as u64 };
        let (rows, key) = (self.rows, key_of(&token));
        self.store.write(move |tx| rows.put(tx, &key, &row)).await?;
        self.set_cookie(&token, self.lifetime)
    }

    /// Who is signed in on this browser.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) fn find(&self, headers: &HeaderMap) -> Result<Option<T>, Error> {
        let Some(token) = self.token(headers) else { return Ok(None) };
        let row = self.store.read(|tx| self.rows.get(tx, &key_of(token)))?;
        Ok(row.filter(|row| row.expires_ms > clock::now_ms()).map(|row| row.who))
    }

    /// Ends the session; the answer clears the cookie.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) async fn close(&self, headers: &HeaderMap) -> Result<HeaderValue, Error> {
        if let Some(token) = self.token(headers) {
            let (rows, key) = (self.rows, key_of(token));
            self.store.write(move |tx| rows.take(tx, &key).map(|_| ())).await?;
        }
        self.set_cookie("", Duration::ZERO)
    }

    /// Ends every session of somebody but the one that asks: a device that lost its way in is out at once.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) async fn close_others(&self, headers: &HeaderMap, who: &T) -> Result<(), Error>
    where
        T: Clone + PartialEq + Sync,
    {
        let own = self.token(headers).map(key_of);
        let (rows, who) = (self.rows, who.clone());
        self.store
            .write(move |tx| {
                let kept = own.map(|own| Ok::<_, StoreError>((rows.get_mut(tx, &own)?, own))).transpose()?;
                rows.prune(tx, |row| row.who != who)?;
                if let Some((Some(row), own)) = kept {
                    rows.put(tx, &own, &row)?;
                }
                Ok::<_, Error>(())
            })
            .await
    }

    /// Ends every session of somebody.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) async fn close_all(&self, who: &T) -> Result<(), Error>
    where
        T: Clone + PartialEq + Sync,
    {
        let (rows, who) = (self.rows, who.clone());
        self.store.write(move |tx| rows.prune(tx, |row| row.who != who)).await?;
        Ok(())
    }

    /// Forgets sessions that have ended.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) async fn prune(&self) -> Result<usize, StoreError> {
        let (rows, now) = (self.rows, clock::now_ms());
        self.store.write(move |tx| rows.prune(tx, |row| row.expires_ms > now)).await
    }

    fn token<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie).map(|(_, token)| token)
    }

    fn set_cookie(&self, token: &str, lifetime: Duration) -> Result<HeaderValue, Error> {
        let secure = if self.secure { "; Secure" } else { "" };
        let (name, seconds) = (&self.cookie, lifetime.as_secs());
        let text = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
        HeaderValue::from_str(&text).map_err(Error::internal)
    }
}

/// The table holds hashes, so that a copy of it opens no session.
fn key_of(token: &str) -> String {
    hash("salus/session/v1", &[token.as_bytes()]).to_string()
}
