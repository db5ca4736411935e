//! How the network governs itself, as a steward sees it, and how an organisation takes part.
//!
//! Upon a proposal or a vote: the policies let a steward speak for the organisation, the node signs with the
//! organisation's key, and the answer waits until the ledger has it. The ledger's refusals are passed on in its words.
//!
//! Architecture invariant: nothing is decided here; votes are counted by the ledger, at the end of an epoch.

mod asked;
mod history;
mod overview;
mod shown;
#[cfg(test)]
mod tests;

pub use asked::AskedChange;
pub use overview::{
    FaultRow, Governance, MemberRow, NetworkRow, ProposalRow, Side, Tally, Votes, governance,
};
pub use shown::{Applicant, Difference, Rules, ShownChange};

use crate::body::{Json, Params};
use crate::chain::Finalised;
use crate::error::{Code, Error};
use crate::state::Gateway;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use commonware_codec::{Encode, Read};
use salus_crypto::random;
use salus_policy::Action as Ask;
use salus_types::action::{Action, Propose, Vote};
use salus_types::state::{ProposalEntry, StateKey, key};
use salus_types::{ProposalId, decode_canonical};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest wait for the ledger.
const FINAL_WITHIN: Duration = Duration::from_secs(60);

/// A proposal that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// Its id.
    pub id: ProposalId,
    /// Its number.
    pub number: u64,
}

/// Proposes a change on behalf of this organisation, which thereby votes for it.
///
/// # Errors
/// [`Code::Invalid`] for an application that does not hold; [`Code::Conflict`] with the ledger's reason.
pub async fn propose(gateway: &Gateway, asked: &AskedChange) -> Result<Proposed, Error> {
    let change = asked.change(&gateway.network)?;
    let organisation = gateway.config.organisation.clone();
    let action = Propose { organisation, change, nonce: random::bytes() };
    let id = action.id();
    submit(gateway, action).await?;
    let entry: Option<ProposalEntry> = read(gateway, key::proposal(&id)).await?;
    let entry = entry.ok_or_else(|| Error::internal("a proposal that is final has no entry"))?;
    Ok(Proposed { id, number: entry.number })
}

/// Votes on a proposal on behalf of this organisation, once and for good.
///
/// # Errors
/// [`Code::NotFound`] if there is no such proposal; [`Code::Conflict`] with the ledger's reason.
pub async fn vote(gateway: &Gateway, proposal: ProposalId, approve: bool) -> Result<(), Error> {
    if read::<ProposalEntry>(gateway, key::proposal(&proposal)).await?.is_none() {
        return Err(no_such_proposal());
    }
    let organisation = gateway.config.organisation.clone();
    submit(gateway, Vote { organisation, proposal, approve }).await?;
    Ok(())
}

fn no_such_proposal() -> Error {
    Error::new(Code::NotFound, "there is no such proposal")
}

/// What the ledger refuses contradicts the network as it is.
async fn submit(gateway: &Gateway, action: impl Into<Action>) -> Result<Finalised, Error> {
    gateway.submit(action, FINAL_WITHIN).await.map_err(|error| match error.code() {
        Code::Invalid | Code::Unprocessable => Error::new(Code::Conflict, error.message().to_owned()),
        _ => error,
    })
}

/// The entry under a key.
async fn read<T: Read<Cfg = ()> + Encode>(gateway: &Gateway, key: StateKey) -> Result<Option<T>, Error> {
    let Some(bytes) = gateway.chain().state(key).await? else { return Ok(None) };
    decode_canonical(&bytes).map(Some).map_err(Error::internal)
}

#[derive(Deserialize)]
pub(super) struct Page {
    /// Only proposals with a smaller number.
    before: Option<u64>,
}

pub(super) async fn view(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Params(page): Params<Page>,
) -> Result<Json<Governance>, Error> {
    gateway.staff.allowed(&gateway, &headers, Ask::ViewNetwork)?;
    governance(&gateway, page.before).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Proposal {
    change: AskedChange,
}

pub(super) async fn make(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Proposal>,
) -> Result<(StatusCode, Json<Proposed>), Error> {
    gateway.staff.allowed(&gateway, &headers, Ask::Govern)?;
    Ok((StatusCode::CREATED, Json(propose(&gateway, &ask.change).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ballot {
    approve: bool,
}

pub(super) async fn cast(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(ballot): Json<Ballot>,
) -> Result<StatusCode, Error> {
    gateway.staff.allowed(&gateway, &headers, Ask::Govern)?;
    let id = id.parse().map_err(|_| no_such_proposal())?;
    vote(&gateway, id, ballot.approve).await?;
    Ok(StatusCode::NO_CONTENT)
}
