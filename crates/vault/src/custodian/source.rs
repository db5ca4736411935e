//! Requests of sources about what they sealed: to have it back, or to have it destroyed. A custodian cannot tell who
//! asks for something back because it is needed from who asks to see that it is there.

use super::decide::{self, Refusal};
use super::destroy::{destroy, is_due};
use super::patient::answer_once;
use super::{Custodian, ReleaseError, newest};
use crate::ledger::member;
use crate::node::blocking;
use crate::store::StoreError;
use crate::store::tables::key;
use salus_types::OrganisationId;
use salus_types::organisation::Organisation;
use salus_types::vault::{Destroyed, Release, SourceRequest};
use std::collections::HashSet;
use std::sync::PoisonError;

impl Custodian {
    /// Gives a source back its own shares of a batch's generation, sealed to it, and its packages if it asks for them.
    /// `peer` is who asks, by its connection.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn give_back(
        &self,
        peer: &OrganisationId,
        request: &SourceRequest,
    ) -> Result<Release, ReleaseError> {
        let source = self.check_source_request(peer, request).await?;
        let (store, versions) = (self.ctx.store.clone(), request.body.versions.clone());
        let held = blocking(move || {
            let tx = store.read()?;
            let of = |version| Ok(newest(&tx, version)?.map(|row| (row.source, row.sequence)));
            versions.iter().map(of).collect::<Result<Vec<_>, StoreError>>()
        })
        .await?;
        let allowed = decide::source::give_back(request, &held)?;
        self.release_to_source(allowed, &request.body, &source.kem_key).await
    }

    /// Destroys what is held of a source's batch below a generation, and signs for it.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn destroy_for_source(
        &self,
        peer: &OrganisationId,
        request: &SourceRequest,
    ) -> Result<Destroyed, ReleaseError> {
        self.check_source_request(peer, request).await?;
        let (ctx, request, accepting) = (self.ctx.clone(), request.clone(), self.accepting.clone());
        let runtime = tokio::runtime::Handle::current();
        blocking(move || {
            let _one = accepting.lock().unwrap_or_else(PoisonError::into_inner);
            let body = &request.body;
            let (source, sequence, generation) = (&body.source, body.sequence, body.generation);
            let tx = ctx.store.read()?;
            let replaced = Self::is_replaced(&tx, source, sequence, generation)?;
            let due = is_due(&ctx, &tx, (source, sequence, generation), &HashSet::new())?;
            drop(tx);
            decide::source::destroy(&request, replaced, due)?;
            Ok::<_, ReleaseError>(destroy(&ctx, source, sequence, generation, &runtime)?)
        })
        .await
    }

    /// Checks a source's request and remembers it, so that it is answered once. The source, as the ledger has it.
    async fn check_source_request(
        &self,
        peer: &OrganisationId,
        request: &SourceRequest,
    ) -> Result<Organisation, ReleaseError> {
        let (ctx, peer, request) = (self.ctx.clone(), peer.clone(), request.clone());
        blocking(move || {
            let (now, body) = ((ctx.clock)(), &request.body);
            let source = member(&*ctx.ledger, &body.source);
            decide::source::request(&decide::source::SourceCase {
                network: &ctx.node.network,
                audience: &ctx.node.organisation,
                peer: &peer,
                node_key: source.as_ref().map(|source| &source.node_key),
                clock_ms: now,
                request: &request,
            })?;
            let tx = ctx.store.write()?;
            answer_once(&tx, now, &key::nonce(body.time_ms, &body.nonce, body.source.as_str().as_bytes()))?;
            tx.commit()?;
            source.ok_or_else(|| Refusal::NotTheSource.into())
        })
        .await
    }
}
