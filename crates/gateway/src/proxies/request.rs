//! Requests that rely on a mandate.

use crate::body::octets;
use crate::error::Error;
use crate::log::{Access, Kind, Who};
use crate::peer::{ProxyAnswer, refused};
use crate::staff;
use crate::state::Gateway;
use axum::response::Response;
use salus_types::vault::ProxyRequest;

/// Answers a request that is meant for this organisation.
///
/// # Errors
/// The vault's refusal, or a fault of the log.
pub(crate) async fn answer(gateway: &Gateway, request: ProxyRequest) -> Result<Response, Error> {
    let mandate = &request.body.mandate.mandate;
    let (appointment, owner) = (mandate.appointment, mandate.owner);
    Ok(match gateway.ports.keeper.proxy(request).await.map_err(refused)? {
        ProxyAnswer::Keys(keys) => {
            // The vault has checked the mandate: whose record it is, is known, and told before the keys leave.
            if let Some(patient) = staff::patient_of(gateway, &owner)? {
                let who = Who::Proxy { appointment };
                let access = Access::about(who, Kind::ProxyRead, &patient, None, "for the patient");
                gateway.log.append(access)?.durable().await?;
            }
            octets(&*keys)
        }
        ProxyAnswer::Versions(versions) => octets(&versions),
        ProxyAnswer::Release(release) => octets(&*release),
    })
}
