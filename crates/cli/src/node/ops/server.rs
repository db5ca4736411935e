//! The node's side of the operator's socket.

use super::{
    Code, Copied, Done, Health, LedgerEvent, LoggedRelease, Membership, NewClient, NewInvite, NewMember,
    NewProposal, NewVote, SOCKET_FILE, Status, Transactions,
};
use crate::backup::snapshot;
use crate::keys::clinical::ClinicalKeys;
use crate::node::vault::LocalKeeper;
use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use commonware_codec::Encode as _;
use salus_gateway::accounting::{LogPage, log_page};
use salus_gateway::error::Code as Reason;
use salus_gateway::feeds::desk;
use salus_gateway::log::Who;
use salus_gateway::peer::Keeper as _;
use salus_gateway::proxies::issue_code;
use salus_gateway::staff::{bootstrap_staff, issue_invite};
use salus_gateway::steward::governance::{self, Governance, Proposed};
use salus_gateway::steward::{AccessEvent, access_events_before};
use salus_gateway::{Error, Gateway, smart, staff};
use salus_types::state::AccessEntry;
use salus_types::{AccessId, Digest, decode_canonical};
use salus_vault::Vault;
use salus_vault::custodian::Released;
use serde::Deserialize;
use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::sync::Mutex;

/// Releases, or events, in one answer.
const ROWS_PER_PAGE: usize = 4_096;

/// What copies of the node's stores are made of.
pub(crate) struct Copies {
    pub(crate) home: PathBuf,
    pub(crate) vault: Arc<Vault>,
    /// The keys of the clinical store, if it is in the folder.
    pub(crate) clinical: Option<ClinicalKeys>,
}

/// Serves until `shutdown` resolves.
pub(crate) async fn serve(
    gateway: Gateway,
    keeper: Arc<LocalKeeper>,
    copies: Copies,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let path = copies.home.join(SOCKET_FILE);
    // A socket that an earlier process left behind; two nodes cannot share a folder, the ledger's lock sees to it.
    let _ = fs::remove_file(&path);
    let listener =
        UnixListener::bind(&path).with_context(|| format!("cannot listen on `{}`", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let vault = copies.vault.clone();
    let copies = Arc::new(Mutex::new(copies));
    let router = Router::new()
        .route("/copies", post(move |gateway| copy(gateway, copies.clone())))
        .route("/status", get(move |gateway| status(gateway, keeper.clone())))
        .route("/health", get(health))
        .route("/transactions", post(transactions))
        .route("/clients", post(clients))
        .route("/staff", post(members))
        .route("/invites", post(invites))
        .route("/guardians", post(guardians))
        .merge(feeds_router())
        .route("/governance", get(view))
        .route("/governance/proposals", post(propose))
        .route("/governance/votes", post(vote))
        .route("/membership", get(membership))
        .route("/releases", get(move |after| releases(after, vault.clone())))
        .route("/access-events", get(access_events))
        .route("/access-log", get(access_log))
        .with_state(gateway);
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await?;
    Ok(())
}

async fn status(State(gateway): State<Gateway>, keeper: Arc<LocalKeeper>) -> Result<Json<Status>, Error> {
    let chain = gateway.chain().stats().await;
    let queues = keeper.measure().await.map_err(|error| Error::new(Reason::Away, error.to_string()))?;
    let moves = keeper.moves().await;
    Ok(Json(Status {
        height: chain.height,
        lag: chain.lag,
        peers: chain.peers,
        oldest_block: chain.oldest_block,
        unknown_protocol: chain.unknown_protocol,
        stored: queues.stored,
        sealed: queues.sealed,
        anchored: queues.anchored,
        anchor_lag_ms: queues.anchor_lag_ms,
        batches_to_move: moves.to_move,
        receipts_missing: moves.receipts_owed.values().sum(),
        resident_bytes: resident_bytes(),
    }))
}

async fn health(State(gateway): State<Gateway>) -> Json<Health> {
    let chain = gateway.chain().stats().await;
    let network = gateway.chain().network();
    let engine = match gateway.engine.is_configured() {
        true => Some(gateway.engine.status().await.is_ok()),
        false => None,
    };
    Json(Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        height: chain.height,
        lag: chain.lag,
        epoch: network.epoch,
        peers: chain.peers,
        engine,
        open_files_max: crate::doctor::open_files_max(),
        members: network.organisations().map(|member| hex::encode(member.encode())).collect(),
    })
}

/// How feeds are doing, and what waits in them.
fn feeds_router() -> Router<Gateway> {
    Router::new()
        .route("/feeds", get(feeds))
        .route("/feeds/{feed}/letters", get(letters))
        .route("/feeds/{feed}/letters/{number}", get(letter))
        .route("/feeds/{feed}/letters/{number}/replay", post(replay_one))
        .route("/feeds/{feed}/letters/{number}/restore", post(restore))
        .route("/feeds/{feed}/letters/{number}/discard", post(discard))
        .route("/feeds/{feed}/replay", post(replay_all))
}

async fn feeds(State(gateway): State<Gateway>) -> Result<Json<Vec<desk::Shown>>, Error> {
    desk::overview(&gateway).map(Json)
}

async fn letters(
    State(gateway): State<Gateway>,
    Path(feed): Path<String>,
) -> Result<Json<Vec<desk::Waiting>>, Error> {
    desk::waiting(&gateway, &feed).map(Json)
}

async fn letter(
    State(gateway): State<Gateway>,
    Path((feed, number)): Path<(String, u64)>,
) -> Result<Json<desk::Waiting>, Error> {
    desk::look(&gateway, &feed, number).map(Json)
}

async fn replay_one(
    State(gateway): State<Gateway>,
    Path((feed, number)): Path<(String, u64)>,
) -> Result<Json<desk::Replayed>, Error> {
    desk::replay(&gateway, &feed, Some(number)).await.map(Json)
}

async fn replay_all(
    State(gateway): State<Gateway>,
    Path(feed): Path<String>,
) -> Result<Json<desk::Replayed>, Error> {
    desk::replay(&gateway, &feed, None).await.map(Json)
}

async fn restore(
    State(gateway): State<Gateway>,
    Path((feed, number)): Path<(String, u64)>,
    Json(desk::Discard { reason }): Json<desk::Discard>,
) -> Result<Json<desk::Replayed>, Error> {
    desk::restore(&gateway, &feed, number, Who::Node, &format!("the operator: {reason}")).await.map(Json)
}

async fn discard(
    State(gateway): State<Gateway>,
    Path((feed, number)): Path<(String, u64)>,
    Json(desk::Discard { reason }): Json<desk::Discard>,
) -> Result<Json<Done>, Error> {
    desk::discard(&gateway, &feed, number, "the operator", &reason).await?;
    Ok(Json(Done {}))
}

/// Copies the stores, one asker at a time.
async fn copy(State(gateway): State<Gateway>, copies: Arc<Mutex<Copies>>) -> Result<Json<Copied>, Error> {
    let Ok(copies) = copies.try_lock() else {
        return Err(Error::new(Reason::Conflict, "a backup is being made already"));
    };
    let height = gateway.chain().head().height;
    gateway.log.flush().await;
    let taken = snapshot::take(
        &copies.home,
        copies.vault.hold().await,
        gateway.store.clone(),
        copies.clinical.clone(),
    );
    let folder = taken.await.map_err(|error| Error::new(Reason::Away, format!("{error:#}")))?.keep();
    let folder = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Json(Copied { folder, height }))
}

/// Transactions that were signed elsewhere, in their canonical encoding.
async fn transactions(State(gateway): State<Gateway>, body: Bytes) -> Result<Json<Done>, Error> {
    let decoded = decode_canonical::<Transactions>(&body);
    let transactions = decoded.map_err(|error| Error::new(Reason::Invalid, error.to_string()))?;
    for verdict in gateway.chain().submit_all(transactions.into_inner()) {
        verdict?;
    }
    Ok(Json(Done {}))
}

async fn clients(State(gateway): State<Gateway>, Json(new): Json<NewClient>) -> Result<Json<Done>, Error> {
    let client = smart::NewClient {
        name: new.id.clone(),
        id: new.id,
        jwks: new.jwks,
        scopes: new.scopes,
        may_assert_users: new.may_assert_users,
    };
    gateway.smart.clients.register(client).await?;
    Ok(Json(Done {}))
}

async fn members(State(gateway): State<Gateway>, Json(new): Json<NewMember>) -> Result<Json<Code>, Error> {
    let member = staff::NewMember { id: new.id, name: new.name, role: new.role };
    let joining = bootstrap_staff(&gateway, &[member]).await?;
    let code = joining.into_iter().next().map(|joining| joining.code).unwrap_or_default();
    Ok(Json(Code { code }))
}

async fn invites(State(gateway): State<Gateway>, Json(new): Json<NewInvite>) -> Result<Json<Code>, Error> {
    let invite = issue_invite(&gateway, new.patient).await?;
    Ok(Json(Code { code: invite.code }))
}

async fn guardians(State(gateway): State<Gateway>, Json(new): Json<NewInvite>) -> Result<Json<Code>, Error> {
    let issued = issue_code(&gateway, new.patient).await?;
    Ok(Json(Code { code: issued.code }))
}

#[derive(Deserialize)]
struct Page {
    before: Option<u64>,
}

async fn view(State(gateway): State<Gateway>, Query(page): Query<Page>) -> Result<Json<Governance>, Error> {
    governance::governance(&gateway, page.before).await.map(Json)
}

async fn propose(
    State(gateway): State<Gateway>,
    Json(new): Json<NewProposal>,
) -> Result<Json<Proposed>, Error> {
    governance::propose(&gateway, &new.change).await.map(Json)
}

async fn vote(State(gateway): State<Gateway>, Json(new): Json<NewVote>) -> Result<Json<Done>, Error> {
    governance::vote(&gateway, new.proposal, new.approve).await?;
    Ok(Json(Done {}))
}

async fn membership(State(gateway): State<Gateway>) -> Json<Membership> {
    let encoded = |member: salus_types::state::OrganisationEntry| hex::encode(member.organisation.encode());
    Json(Membership { organisation: gateway.membership().map(encoded) })
}

/// The last release of the page before.
#[derive(Deserialize)]
struct After {
    access: Option<AccessId>,
    versions: Option<Digest>,
}

async fn releases(
    Query(After { access, versions }): Query<After>,
    vault: Arc<Vault>,
) -> Result<Json<Vec<LoggedRelease>>, Error> {
    let after = access.zip(versions);
    let page = vault.custodian.released(after.as_ref(), ROWS_PER_PAGE).await.map_err(Error::internal)?;
    let logged = |released| {
        let Released { access, to, versions_root, count, time_ms } = released;
        LoggedRelease { access, to, versions_root, count, time_ms }
    };
    Ok(Json(page.into_iter().map(logged).collect()))
}

async fn access_events(
    State(gateway): State<Gateway>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<LedgerEvent>>, Error> {
    let before = page.before.unwrap_or(u64::MAX);
    let events = access_events_before(&gateway, before, ROWS_PER_PAGE).await?;
    let event = |AccessEvent { number, id, entry }: AccessEvent| {
        let AccessEntry { organisation, versions_root, count, .. } = entry;
        LedgerEvent { number, access: id, organisation, versions_root, count }
    };
    Ok(Json(events.into_iter().map(event).collect()))
}

#[derive(Deserialize)]
struct AfterEntry {
    after: u64,
}

async fn access_log(
    State(gateway): State<Gateway>,
    Query(AfterEntry { after }): Query<AfterEntry>,
) -> Result<Json<LogPage>, Error> {
    log_page(&gateway, after).await.map(Json)
}

/// Resident memory of this process (`VmRSS`), 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}
