//! Upon `ProxyAct(appointment, number, act)`: only by the key appointed, only while the appointment stands, only what it
//! allows. Acts are numbered without gaps, so that the patient finds every one and nothing is done twice.

use crate::Rejection;
use crate::consent;
use crate::execute::Call;
use crate::view::Overlay;
use salus_types::action::ProxyAct;
use salus_types::proxy::{Act, ByProxy, ProxyGrant, ProxyRevoke, proxy_grant};
use salus_types::state::{ActEntry, AppointmentEntry, GrantEntry, StateKey, key};
use std::cmp::Ordering;

pub(crate) fn act(
    call: &Call<'_>,
    action: &ProxyAct,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let appointment_key = key::appointment(&action.appointment);
    let appointment: Option<AppointmentEntry> = state.read(&appointment_key);
    let mut appointment = appointment.ok_or(Rejection::Unknown("appointment"))?;
    if call.signer != appointment.proxy {
        return Err(Rejection::NotTheProxy);
    }
    if let Some(height) = appointment.ended {
        return Err(Rejection::AppointmentEnded(height));
    }
    if !appointment.is_live(call.context.time_ms) {
        return Err(Rejection::AppointmentExpired);
    }
    match action.number.cmp(&appointment.acts) {
        Ordering::Less => return Err(Rejection::Exists("the act")),
        Ordering::Greater => return Err(Rejection::Unknown("act before this one")),
        Ordering::Equal => {}
    }
    let acts = appointment.acts.checked_add(1).ok_or(Rejection::Malformed("too many acts"))?;
    match &action.act {
        Act::ProxyRead(_) => {}
        Act::ProxyGrant(grant) => share(call, action, grant, &appointment, state)?,
        Act::ProxyRevoke(revoke) => stop(call, action, revoke, &appointment, state)?,
    }
    appointment.acts = acts;
    state.put(appointment_key, &appointment)?;
    let (height, time_ms) = (call.context.height, call.context.time_ms);
    let act_key = key::act(&action.appointment, action.number);
    state.create(act_key, &ActEntry { act: action.act.clone(), height, time_ms }, "the act")?;
    Ok(act_key)
}

/// A grant as the patient would make it, that lives no longer than the appointment.
fn share(
    call: &Call<'_>,
    action: &ProxyAct,
    grant: &ProxyGrant,
    appointment: &AppointmentEntry,
    state: &mut Overlay<'_>,
) -> Result<(), Rejection> {
    if !appointment.shares {
        return Err(Rejection::OutsideAppointment);
    }
    consent::check_period(call, grant.expiry_ms)?;
    if grant.expiry_ms > appointment.expiry_ms {
        return Err(Rejection::OutsideAppointment);
    }
    let entry = GrantEntry {
        terms: grant.terms,
        scope: grant.scope,
        expiry_ms: grant.expiry_ms,
        height: call.context.height,
        revoked: None,
        accesses: 0,
        by_proxy: Some(ByProxy { appointment: action.appointment, mandate: appointment.mandate }),
    };
    state.create(key::grant(&proxy_grant(&action.appointment, action.number)), &entry, "the grant")
}

/// The end of a grant that was made under this appointment. What the patient shared stays the patient's to stop.
fn stop(
    call: &Call<'_>,
    action: &ProxyAct,
    revoke: &ProxyRevoke,
    appointment: &AppointmentEntry,
    state: &mut Overlay<'_>,
) -> Result<(), Rejection> {
    let key = key::grant(&revoke.grant);
    let entry: GrantEntry = state.read(&key).ok_or(Rejection::Unknown("grant"))?;
    let own = entry.by_proxy.as_ref().is_some_and(|by| by.appointment == action.appointment);
    if !appointment.shares || !own {
        return Err(Rejection::OutsideAppointment);
    }
    consent::end(call, key, entry, state)
}
