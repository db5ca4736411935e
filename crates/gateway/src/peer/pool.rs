//! Connections to other members: one client for each, made when it is first called.
//!
//! Upon a call: the member's address and certificate are looked up in the network as it is now; a client that was made
//! for others is replaced, and those of organisations that left are dropped.

use super::client::PeerError;
use super::connect::Connector;
use crate::chain::Chain;
use crate::tls::{Identity, Pins, peer_client};
use axum::body::Body;
use axum::http::Uri;
use axum::http::uri::Authority;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use salus_types::organisation::Organisation;
use salus_types::{Digest, OrganisationId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections to one node kept open without use.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// The node of one member.
pub(super) struct Node {
    pub(super) client: Client<Connector, Body>,
    pub(super) authority: Authority,
    url: String,
    certificate: Digest,
}

impl Node {
    pub(super) fn of(member: &Organisation, identity: &Identity) -> Option<Self> {
        let url = member.peer_url.as_str().to_owned();
        let authority = url.parse::<Uri>().ok()?.authority()?.clone();
        let certificate = member.tls_certificate;
        let pins = Arc::new(Pins::only(member.id.clone(), certificate));
        let tls = peer_client(pins, identity.clone()).ok()?;
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(IDLE_CONNECTIONS_MAX).pool_timer(TokioTimer::new());
        let client = builder.build(Connector::new(&member.id, tls)?);
        Some(Self { client, authority, url, certificate })
    }

    fn is_of(&self, member: &Organisation) -> bool {
        self.url == member.peer_url.as_str() && self.certificate == member.tls_certificate
    }
}

/// Clients for the members.
pub(super) struct Pool {
    chain: Arc<dyn Chain>,
    identity: Identity,
    /// At most one for each member.
    nodes: Mutex<BTreeMap<OrganisationId, Arc<Node>>>,
}

impl Pool {
    /// Nothing connects yet.
    ///
    /// # Errors
    /// If the certificate and its key do not fit.
    pub(super) fn new(chain: Arc<dyn Chain>, identity: &Identity) -> Result<Self, rustls::Error> {
        // Tried here, so that it shows before the first call.
        peer_client(Arc::new(Pins::of(Arc::clone(&chain))), identity.clone())?;
        Ok(Self { chain, identity: identity.clone(), nodes: Mutex::default() })
    }

    /// The node of a member, as it is to be reached now.
    ///
    /// # Errors
    /// [`PeerError::Unknown`] if it is no member, or its address is none.
    pub(super) fn node(&self, to: &OrganisationId) -> Result<Arc<Node>, PeerError> {
        let network = self.chain.network();
        let member = network.organisation(to);
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = nodes.get(to).filter(|node| member.is_some_and(|member| node.is_of(member)));
        if let Some(node) = known {
            return Ok(Arc::clone(node));
        }
        nodes.retain(|id, node| network.organisation(id).is_some_and(|member| node.is_of(member)));
        let node = member.and_then(|member| Node::of(member, &self.identity)).map(Arc::new);
        let node = node.ok_or_else(|| PeerError::Unknown(to.clone()))?;
        nodes.insert(to.clone(), Arc::clone(&node));
        Ok(node)
    }

    /// The node of an organisation as it was when it was a member, if it is none now. A former member's client is made
    /// for one call: few are needed, and none is kept that the network does not vouch for.
    ///
    /// # Errors
    /// [`PeerError::Unknown`] if its address is none.
    pub(super) fn node_as_known(&self, to: &Organisation) -> Result<Arc<Node>, PeerError> {
        if self.chain.network().organisation(&to.id).is_some() {
            return self.node(&to.id);
        }
        Node::of(to, &self.identity).map(Arc::new).ok_or_else(|| PeerError::Unknown(to.id.clone()))
    }
}
