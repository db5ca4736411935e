//! Staff of this organisation: who they are, the charts they open, the patients they invite and ask.
//!
//! Upon join: a one-time code makes a passkey. Upon sign-in: a cookie. Upon opening a chart: the policies decide,
//! the access log gets the reason, and for twelve hours the FHIR routes answer for that one patient.
//!
//! Architecture invariant: a session alone reads no record; a chart is of one practitioner and one patient.

mod access_log;
mod bootstrap;
pub(crate) mod charts;
mod enrol;
mod invites;
mod join;
pub(crate) mod patients;
mod requests;
mod rows;
mod signin;
#[cfg(test)]
mod tests;

pub(crate) use access_log::{access_log, action, admit, admit_for};
pub use bootstrap::{Joining, NewMember, bootstrap_staff};
pub(crate) use charts::who;
#[cfg(test)]
pub(crate) use enrol::testing_enrolled;
pub(crate) use enrol::{
    enrol_again, enrol_alone, forget_address, keys_of, open as open_enrolment, patient_of, redeem, register,
    remember,
};
#[cfg(test)]
pub(crate) use invites::testing_claim;
pub use invites::{Issued, issue as issue_invite};
pub(crate) use invites::{claim_for_merge, offer as offer_invite};
pub(crate) use patients::{birth_date, find_name};
pub(crate) use rows::{code_key, new_code};

use crate::error::{Code, Error};
use crate::fhir::principal;
use crate::limits::PORTAL_JSON_BYTES_MAX;
use crate::origin;
use crate::passkey::Passkeys;
use crate::practitioner::Practitioner;
use crate::rate::RateLimit;
use crate::session::Sessions;
use crate::state::{Config, Gateway, OpenError};
use crate::store::{Store, StoreError, WriteTransaction};
use access_log::Nonces;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware;
use axum::routing::{get, post};
use salus_policy as policy;
use salus_types::category::Purpose;
use std::time::Duration;

/// The header that says within which chart a request stays.
const CHART: HeaderName = HeaderName::from_static("x-salus-chart");
/// How long somebody stays signed in: a shift.
const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3_600);

/// Removes invites, joining codes, charts and requests to patients that are over; how many.
///
/// # Errors
/// A fault of the store.
pub(crate) fn prune(tx: &WriteTransaction, now_ms: u64) -> Result<usize, StoreError> {
    Ok(rows::INVITES.prune(tx, |invite| invite.expires_ms > now_ms)?
        + rows::JOINING.prune(tx, |code| code.expires_ms > now_ms)?
        + rows::CHARTS.prune(tx, |chart| chart.expires_ms > now_ms)?
        + rows::REQUESTS.prune(tx, |request| requests::is_open(request, now_ms))?)
}

/// Staff of this organisation.
pub struct Staff {
    passkeys: Passkeys,
    /// Practitioner ids.
    sessions: Sessions<String>,
    attempts: RateLimit,
    nonces: Nonces,
}

impl Staff {
    /// Opens what lives in the gateway's tables.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(store: &Store, config: &Config) -> Result<Self, OpenError> {
        let shown_name = format!("Salus staff, {}", config.organisation);
        Ok(Self {
            passkeys: Passkeys::open(config, &shown_name)?,
            sessions: Sessions::new(store, config, "staff-sessions", "salus_staff", SESSION_LIFETIME),
            attempts: RateLimit::of(config, config.limits.attempts_per_minute),
            nonces: Nonces::new(store),
        })
    }

    /// Forgets sessions that have ended, and requests that could not be answered again anyway.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) async fn prune(&self) -> Result<usize, Error> {
        self.nonces.prune().await?;
        Ok(self.sessions.prune().await?)
    }

    /// A signed-in browser's cookie, without a passkey.
    #[cfg(test)]
    pub(crate) async fn testing_session(&self, id: &str) -> String {
        let cookie = self.sessions.open(id.into()).await.expect("session");
        cookie.to_str().expect("text").split(';').next().expect("cookie").to_owned()
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// [`Code::SignIn`] if nobody is.
    pub(crate) fn member(&self, gateway: &Gateway, headers: &HeaderMap) -> Result<Practitioner, Error> {
        let id = self.sessions.find(headers)?;
        let member = id.map(|id| gateway.practitioners.find(&id)).transpose()?.flatten();
        member.ok_or_else(|| Error::new(Code::SignIn, "please sign in first"))
    }

    /// Who is signed in, if the policies allow them this.
    ///
    /// # Errors
    /// [`Code::SignIn`], or [`Code::Forbidden`] with the policies that decided.
    pub(crate) fn allowed(
        &self,
        gateway: &Gateway,
        headers: &HeaderMap,
        action: policy::Action,
    ) -> Result<Practitioner, Error> {
        let member = self.member(gateway, headers)?;
        decide(&member, action, Purpose::Operations, false, false)?;
        Ok(member)
    }

    /// Who asks on a FHIR route, by the session cookie and `x-salus-chart`. `None`: no session is shown.
    ///
    /// # Errors
    /// [`Error`] if a session is shown that is not valid, or not for that chart.
    pub(crate) async fn session(
        &self,
        gateway: &Gateway,
        headers: &HeaderMap,
    ) -> Result<Option<principal::Practitioner>, Error> {
        let foreign = headers.contains_key(header::ORIGIN) && !origin::is_own(gateway, headers);
        if foreign || self.sessions.find(headers)?.is_none() {
            return match headers.contains_key(CHART) {
                true => Err(Error::new(Code::SignIn, "the chart's session has ended; sign in again")),
                false => Ok(None),
            };
        }
        let member = self.member(gateway, headers)?;
        let chart =
            headers.get(CHART).map(|id| charts::open_chart(gateway, &member, id.to_str().unwrap_or("")));
        let chart = chart.transpose()?;
        Ok(Some(at_work(member, chart)))
    }
}

/// A member of staff at work in a chart of theirs that is open.
///
/// # Errors
/// [`Code::Forbidden`] if it is not.
pub(crate) fn at_chart(
    gateway: &Gateway,
    member: Practitioner,
    chart: &str,
) -> Result<principal::Practitioner, Error> {
    let chart = charts::open_chart(gateway, &member, chart)?;
    Ok(at_work(member, Some(chart)))
}

/// A chart of a member of staff that is open.
///
/// # Errors
/// [`Code::Forbidden`] if it is not.
pub(crate) fn chart_of(gateway: &Gateway, member: &Practitioner, chart: &str) -> Result<rows::Chart, Error> {
    charts::open_chart(gateway, member, chart)
}

/// Takes the nonce of another organisation's signed question; of many with one nonce exactly one is answered.
///
/// # Errors
/// [`Code::Conflict`] if it was answered already.
pub(crate) async fn answer_once(
    gateway: &Gateway,
    by: &salus_types::PublicKey,
    nonce: [u8; 16],
) -> Result<(), Error> {
    gateway.staff.nonces.take(by, nonce, crate::clock::now_ms()).await
}

/// A member of staff as the FHIR routes see them.
fn at_work(member: Practitioner, chart: Option<rows::Chart>) -> principal::Practitioner {
    principal::Practitioner {
        id: member.id,
        name: member.name,
        role: member.role,
        commitment: member.commitment,
        relation: if chart.is_some() { policy::Relation::Chart } else { policy::Relation::None },
        purpose: chart.as_ref().map_or(Purpose::Operations, |chart| chart.purpose),
        reason: chart.as_ref().map_or_else(String::new, |chart| chart.reason.clone()),
        patient: chart.map(|chart| chart.patient),
        scopes: None,
    }
}

/// Puts a question about this organisation itself before the policies, or about a patient whose record is `restricted`.
pub(crate) fn decide(
    member: &Practitioner,
    action: policy::Action,
    purpose: Purpose,
    reason_given: bool,
    restricted: bool,
) -> Result<(), Error> {
    let decision = policy::decide(&policy::Request {
        principal: policy::Principal::Practitioner { id: &member.id, role: member.role },
        action,
        resource: policy::Resource::Node,
        circumstances: policy::Circumstances {
            purpose,
            reason_given,
            chart_open: false,
            relation: policy::Relation::None,
            scopes_allow: true,
            restricted,
        },
    });
    if decision.allowed {
        return Ok(());
    }
    let words: Vec<_> = decision.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let policies = decision.reasons.iter().map(|reason| reason.policy.clone()).collect();
    Err(Error::new(Code::Forbidden, words.join("; ")).by_policies(policies))
}

/// The routes.
pub(crate) fn router(state: Gateway) -> Router {
    Router::new()
        .route("/staff/join/start", post(join::start))
        .route("/staff/join/finish", post(join::finish))
        .route("/staff/signin/start", post(signin::start))
        .route("/staff/signin/finish", post(signin::finish))
        .route("/staff/signout", post(signin::out))
        .route("/staff/me", get(signin::me))
        .route("/staff/members", post(join::add_member))
        .route("/staff/patients/search", post(patients::list))
        .route("/staff/charts", post(charts::open))
        .route("/staff/charts/{chart}/shared", post(charts::fetch_shared))
        .route("/staff/requests", post(requests::ask))
        .route("/staff/invites", post(invites::invite))
        .layer(DefaultBodyLimit::max(PORTAL_JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), origin::own_pages_only))
        .with_state(state)
}
