//! Requests of who acts for a patient.

use super::decide::proxy::{self as rule, MandateCase};
use super::patient::answer_once;
use super::{Custodian, ReleaseError};
use crate::ledger::entry;
use crate::node::blocking;
use crate::store::tables::key;
use salus_types::state::{self, ActEntry, AppointmentEntry};
use salus_types::vault::{ProxyRequest, Release, SignedMandate, VersionList};

impl Custodian {
    /// Checks a request and remembers it, so that it is answered once.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn check_proxy_request(&self, request: &ProxyRequest) -> Result<(), ReleaseError> {
        self.check_mandate(&request.body.mandate).await?;
        let (ctx, request) = (self.ctx.clone(), request.clone());
        blocking(move || {
            let now = (ctx.clock)();
            rule::request(&ctx.node.organisation, now, &request)?;
            let (body, tx) = (&request.body, ctx.store.write()?);
            let who = body.mandate.mandate.appointment;
            answer_once(&tx, now, &key::nonce(body.time_ms, &body.nonce, who.as_bytes()))?;
            Ok::<_, ReleaseError>(tx.commit()?)
        })
        .await
    }

    /// Whether a mandate holds now, by the own ledger.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn check_mandate(&self, signed: &SignedMandate) -> Result<(), ReleaseError> {
        let appointment = self.appointment(signed).await?;
        rule::mandate(&self.case(signed, appointment.as_ref()))?;
        Ok(())
    }

    async fn appointment(&self, signed: &SignedMandate) -> Result<Option<AppointmentEntry>, ReleaseError> {
        let at = state::key::appointment(&signed.mandate.appointment);
        Ok(entry(&*self.ctx.ledger, at).await?)
    }

    fn case<'a>(
        &'a self,
        signed: &'a SignedMandate,
        appointment: Option<&'a AppointmentEntry>,
    ) -> MandateCase<'a> {
        let (network, now, clock_ms) = (&self.ctx.node.network, self.ctx.ledger.now(), (self.ctx.clock)());
        MandateCase { network, signed, appointment, now, clock_ms }
    }

    /// The anchored versions in custody here that a mandate reaches.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn versions_for_proxy(&self, signed: &SignedMandate) -> Result<VersionList, ReleaseError> {
        let appointment = self.appointment(signed).await?;
        let reach = rule::mandate(&self.case(signed, appointment.as_ref()))?;
        let epochs = self.epochs_of(&signed.mandate.compartments).await?;
        let covered = epochs.into_iter().filter(|(_, held)| reach.covers(held));
        self.list(covered.map(|(id, held)| (id, held.source)).collect()).await
    }

    /// Shares, and packages unless shares alone are asked for, upon a reading that is on the ledger.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn release_for_proxy(&self, request: &ProxyRequest) -> Result<Release, ReleaseError> {
        let body = &request.body;
        let signed = &body.mandate;
        let act: Option<ActEntry> = match body.act {
            Some(number) => {
                entry(&*self.ctx.ledger, state::key::act(&signed.mandate.appointment, number)).await?
            }
            None => None,
        };
        let held = self.held(&body.versions).await?;
        let appointment = self.appointment(signed).await?;
        let case = self.case(signed, appointment.as_ref());
        let reach = rule::mandate(&case)?;
        let allowed = rule::release(&reach, case.now, request, act.as_ref(), &held)?;
        self.release(allowed, &signed.mandate.kem_key).await
    }
}
