//! The genesis, and the members of the network as it is now.

use crate::body::{Json, octets};
use crate::state::Gateway;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use commonware_codec::Encode as _;
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
    Json(gateway.chain().network().organisations().map(member).collect())
}

/// The running epoch.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Epoch {
    epoch: u64,
    first_height: u64,
    last_height: u64,
    /// Encoded entries of the members, base64.
    members: Vec<String>,
}

/// Who the members are, to the last field: for nodes that join.
pub(super) async fn epoch(State(gateway): State<Gateway>) -> Json<Epoch> {
    let network = gateway.chain().network();
    Json(Epoch {
        epoch: network.epoch,
        first_height: network.first_height,
        last_height: network.last_height,
        members: network.members.iter().map(|member| STANDARD.encode(member.encode())).collect(),
    })
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
