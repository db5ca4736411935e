//! Bringing staff in: the credential, its commitment on the ledger, and a joining code.

use super::rows::{self, JoiningCode};
use crate::clock;
use crate::error::Error;
use crate::practitioner::{Practitioner, Role};
use crate::state::Gateway;
use futures::future::try_join_all;
use salus_types::action::RegisterPractitioner;
use salus_types::state::key;
use std::time::Duration;

/// How long a joining code may be used.
pub(super) const JOINING_LIFETIME_MS: u64 = 14 * 24 * 3_600 * 1_000;
/// Longest wait for the ledger.
const FINAL_WITHIN: Duration = Duration::from_secs(60);

/// Somebody who is to work here.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// FHIR Practitioner id here.
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// Role.
    pub role: Role,
}

/// Somebody who may join, and the code for it.
#[derive(Clone, Debug)]
pub struct Joining {
    /// Who.
    pub practitioner: Practitioner,
    /// Makes one passkey, once.
    pub code: String,
    /// When it ends, in milliseconds since 1970-01-01 UTC.
    pub expires_ms: u64,
}

/// Brings staff in. Idempotent but for the codes: each call gives fresh ones, and earlier ones stay good.
///
/// # Errors
/// If an id is taken, or the ledger does not take a commitment in time.
pub async fn bootstrap_staff(gateway: &Gateway, members: &[NewMember]) -> Result<Vec<Joining>, Error> {
    try_join_all(members.iter().map(|member| add(gateway, member))).await
}

pub(super) async fn add(gateway: &Gateway, new: &NewMember) -> Result<Joining, Error> {
    let organisation = &gateway.config.organisation;
    let practitioner = gateway.practitioners.register(organisation, &new.id, &new.name, new.role).await?;
    vouch(gateway, &practitioner).await?;
    let code = rows::new_code();
    let row = JoiningCode { practitioner: new.id.clone(), expires_ms: clock::now_ms() + JOINING_LIFETIME_MS };
    let expires_ms = row.expires_ms;
    let key = rows::code_key("join", &code).unwrap_or_default();
    gateway.store.write(move |tx| rows::JOINING.put(tx, &key, &row)).await?;
    Ok(Joining { practitioner, code, expires_ms })
}

/// Puts the commitment on the ledger, unless it is there.
async fn vouch(gateway: &Gateway, practitioner: &Practitioner) -> Result<(), Error> {
    let commitment = practitioner.commitment;
    if gateway.chain().state(key::practitioner(&commitment)).await?.is_none() {
        gateway.submit(RegisterPractitioner { commitment }, FINAL_WITHIN).await?;
    }
    Ok(())
}
