//! The members of the network.

use crate::body::{Json, octets};
use crate::state::Gateway;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salus_types::OrganisationId;
use salus_types::organisation::{Class, Organisation};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    id: OrganisationId,
    name: String,
    class: Class,
    validator: bool,
    custodian: bool,
    portal_url: String,
    node_key: String,
    kem_key: String,
}

pub(super) async fn genesis(State(gateway): State<Gateway>) -> Response {
    octets(gateway.genesis.as_ref())
}

pub(super) async fn list(State(gateway): State<Gateway>) -> Json<Vec<Member>> {
    Json(gateway.genesis.organisations.iter().map(member).collect())
}

fn member(organisation: &Organisation) -> Member {
    Member {
        id: organisation.id.clone(),
        name: organisation.name.as_str().to_owned(),
        class: organisation.class,
        validator: organisation.validator,
        custodian: organisation.custodian,
        portal_url: organisation.portal_url.as_str().to_owned(),
        node_key: organisation.node_key.to_string(),
        kem_key: STANDARD.encode(organisation.kem_key.as_ref()),
    }
}
