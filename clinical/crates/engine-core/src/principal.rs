//! Who is asking, and what the gateway allows them.
//!
//! The gateway is the only peer of the socket; it decides and sends the decision with each request in
//! `x-salus-principal`, base64url without padding of the JSON form of [`Principal`]. An unknown field or
//! value is a refusal, so that a newer gateway cannot mean a restriction that this engine overlooks.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use helios_persistence::{StorageError, StorageResult, error::TenantError, tenant::TenantId};
use serde::Deserialize;

/// The request header that carries the principal.
pub const HEADER: &str = "x-salus-principal";

/// The most grants one principal may list.
pub const SHARES_PER_PRINCIPAL_MAX: usize = 4_096;

/// The most patients that one principal may list as hidden.
pub const HIDDEN_PER_PRINCIPAL_MAX: usize = 1_000;

/// The decision of the gateway for one request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// Opaque name for the audit trail; never logged here.
    pub id: String,
    /// What may be read.
    pub read: Scope,
    /// What may be written.
    pub write: Scope,
    /// Grants whose imported copies may be seen, within `read`.
    #[serde(default)]
    pub shares: BTreeSet<String>,
    /// Patients whose records are kept from this reader, because their use is restricted; at most
    /// [`HIDDEN_PER_PRINCIPAL_MAX`].
    #[serde(default)]
    pub hidden: BTreeSet<String>,
    /// Who is writing: a person, who is told what is wrong, or a feed, whose history must not be lost.
    pub mode: Mode,
    /// Whether resources that fail validation are tagged instead of refused; set by the engine.
    #[serde(skip)]
    pub flag_invalid: bool,
}

/// How far a permission reaches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Nothing.
    None,
    /// Everything of this organisation.
    All,
    /// The compartment of one patient, by logical id.
    Patient(String),
}

/// The kind of client, which decides what validation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A person or an app acting for one.
    Interactive,
    /// A system feed.
    Feed,
}

tokio::task_local! {
    static CURRENT: Arc<Principal>;
}

/// Reads the header's value; `None` when it is malformed.
pub fn parse(header: &[u8]) -> Option<Principal> {
    let json = URL_SAFE_NO_PAD.decode(header).ok()?;
    let principal: Principal = serde_json::from_slice(&json).ok()?;
    let named = |scope: &Scope| !matches!(scope, Scope::Patient(id) if !is_logical_id(id));
    let few = principal.shares.len() <= SHARES_PER_PRINCIPAL_MAX
        && principal.hidden.len() <= HIDDEN_PER_PRINCIPAL_MAX;
    (named(&principal.read) && named(&principal.write) && few).then_some(principal)
}

/// Runs `work` on behalf of `principal`.
pub async fn within<F: Future>(principal: Principal, work: F) -> F::Output {
    CURRENT.scope(Arc::new(principal), work).await
}

/// The principal of the running request; an error outside one.
pub(crate) fn current() -> StorageResult<Arc<Principal>> {
    CURRENT.try_with(Arc::clone).map_err(|_| forbidden("access without a principal"))
}

/// The refusal that clients see as 403.
pub(crate) fn forbidden(operation: &str) -> StorageError {
    StorageError::Tenant(TenantError::OperationNotPermitted {
        tenant_id: TenantId::new(crate::store::TENANT),
        operation: operation.to_owned(),
    })
}

/// A FHIR logical id: 1 to 64 of letters, digits, `-` and `.` (FHIR R4 `id`).
pub(crate) fn is_logical_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, accepted: bool) {
        assert_eq!(parse(URL_SAFE_NO_PAD.encode(json).as_bytes()).is_some(), accepted, "{json}");
    }

    #[test]
    fn only_a_complete_and_known_principal_is_accepted() {
        check(r#"{"id":"a","read":"all","write":"none","shares":[],"mode":"interactive"}"#, true);
        check(r#"{"id":"a","read":{"patient":"p1"},"write":"none","mode":"feed"}"#, true);
        check(r#"{"id":"a","read":"all","write":"none","hidden":["p1"],"mode":"feed"}"#, true);
        check(r#"{"id":"a","read":{"patient":"p1,p2"},"write":"none","mode":"feed"}"#, false);
        check(r#"{"id":"a","read":{"patient":""},"write":"none","mode":"feed"}"#, false);
        check(r#"{"id":"a","read":"some","write":"none","mode":"feed"}"#, false);
        check(r#"{"id":"a","write":"none","mode":"feed"}"#, false);
        check(r#"{"id":"a","read":"all","write":"none","mode":"feed","purpose":"x"}"#, false);
        check("", false);
    }
}
