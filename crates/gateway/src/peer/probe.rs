//! One question to another organisation's node by a program that runs no node: for an operator who looks what is wrong.

use super::client::status_of;
use super::pool::Node;
use super::{NodeStatus, PeerError};
use crate::tls::Identity;
use salus_types::organisation::Organisation;
use std::sync::Arc;

/// The numbers of a member's node, asked as the organisation whose `identity` is shown.
///
/// # Errors
/// [`PeerError`].
pub async fn probe(member: &Organisation, identity: &Identity) -> Result<NodeStatus, PeerError> {
    let node = Node::of(member, identity).ok_or_else(|| PeerError::Unknown(member.id.clone()))?;
    status_of(&member.id, Arc::new(node)).await
}
