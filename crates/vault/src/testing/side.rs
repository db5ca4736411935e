//! One organisation's view of ledger and peers; custodians that lie.

use super::*;

/// One organisation's view of ledger and peers.
pub(crate) struct Side {
    pub(super) world: std::sync::Weak<World>,
    pub(super) me: OrganisationId,
}

impl Side {
    fn world(&self) -> Arc<World> {
        self.world.upgrade().expect("the world stands")
    }

    /// A custodian that hangs takes the request and never answers.
    async fn hang(&self, to: &OrganisationId) {
        let hangs = self.world().hangs.lock().expect("unpoisoned").contains(to);
        if hangs {
            std::future::pending::<()>().await;
        }
    }

    fn reach(&self, to: &OrganisationId) -> Result<Arc<Vault>, PeerError> {
        let world = self.world();
        if world.away.lock().expect("unpoisoned").contains(to) {
            world.unanswered.fetch_add(1, Ordering::Relaxed);
            return Err(PeerError::Unavailable);
        }
        world.vault(to.as_str()).ok_or(PeerError::Unavailable)
    }
}

#[async_trait]
impl Ledger for Side {
    async fn state(&self, key: StateKey) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.world().ledger.lock().expect("unpoisoned").state.get(&key).cloned())
    }

    fn now(&self) -> LedgerTime {
        let world = self.world();
        let ledger = world.ledger.lock().expect("unpoisoned");
        LedgerTime { height: ledger.height, time_ms: ledger.time_ms }
    }

    async fn submit_and_wait(&self, action: Action) -> Result<Finalised, LedgerError> {
        let world = self.world();
        if *world.stalled.lock().expect("unpoisoned") {
            world.refused.fetch_add(1, Ordering::Relaxed);
            return Err(LedgerError::Unavailable);
        }
        world.apply(&world.signing(self.me.as_str()).public(), &action)
    }

    async fn prove_anchors(&self, batches: &[BatchId]) -> Result<AnchorProofs, LedgerError> {
        Ok(self.world().prove_anchors(batches))
    }

    fn organisations(&self) -> Vec<Organisation> {
        self.world().members.lock().expect("unpoisoned").clone()
    }
}

fn refused(error: impl std::fmt::Display) -> PeerError {
    PeerError::Refused(error.to_string())
}

#[async_trait]
impl Peers for Side {
    async fn put_custody(&self, to: &OrganisationId, batch: CustodyBatch) -> Result<(), PeerError> {
        self.reach(to)?.custodian.accept_batch(&self.me, batch).await.map_err(refused)
    }

    async fn put_compartments(
        &self,
        to: &OrganisationId,
        records: Vec<CompartmentRecord>,
    ) -> Result<(), PeerError> {
        self.reach(to)?.custodian.accept_compartments(&self.me, records).await.map_err(refused)
    }

    async fn put_link(&self, to: &OrganisationId, link: PatientLink) -> Result<(), PeerError> {
        self.reach(to)?.custodian.accept_link(&self.me, link).await.map_err(refused)
    }

    async fn put_keys(&self, to: &OrganisationId, keys: SealedEnvelope) -> Result<(), PeerError> {
        self.reach(to)?.mailbox.receive_keys(&self.me, keys).await.map_err(refused)
    }

    async fn versions(&self, to: &OrganisationId, ask: ReleaseAsk) -> Result<VersionList, PeerError> {
        self.hang(to).await;
        self.reach(to)?.custodian.versions_for_grant(&self.me, &ask).await.map_err(refused)
    }

    async fn release(&self, to: &OrganisationId, ask: ReleaseForGrant) -> Result<Release, PeerError> {
        self.hang(to).await;
        let release = self.reach(to)?.custodian.release_for_grant(&self.me, &ask).await;
        Ok(self.received(to, release.map_err(refused)?))
    }

    async fn put_emergency(&self, to: &OrganisationId, parcel: EmergencyParcel) -> Result<(), PeerError> {
        self.reach(to)?.emergency.accept(&self.me, parcel).await.map_err(refused)
    }

    async fn release_emergency(
        &self,
        to: &OrganisationId,
        ask: EmergencyAsk,
    ) -> Result<EmergencyRelease, PeerError> {
        let mut release = self.reach(to)?.emergency.release(&self.me, &ask).await.map_err(refused)?;
        self.world().note_release(to, &ask);
        match self.tampers(to) {
            Some(Tamper::Ciphertext) => {
                let mut bytes = release.package.ciphertext.to_vec();
                bytes[70] ^= 1;
                release.package.ciphertext = Bounded::new(bytes).expect("as long");
            }
            Some(_) => release.share = self.false_share(to, &release),
            None => {}
        }
        Ok(release)
    }

    async fn tell_emergency(&self, to: &OrganisationId, notice: EmergencyNotice) -> Result<(), PeerError> {
        let vault = self.reach(to)?;
        let source = vault.source.as_ref().ok_or_else(|| refused("no source"))?;
        if !source.emergency_told(notice).await.map_err(refused)? {
            return Err(refused("no such event"));
        }
        self.world().told.lock().expect("unpoisoned").push(self.me.clone());
        Ok(())
    }

    async fn erasure_notice(
        &self,
        to: &OrganisationId,
        erasure: ErasureId,
    ) -> Result<ErasureNotice, PeerError> {
        let notice = self.reach(to)?.erasure.notice(erasure).await.map_err(refused)?;
        notice.ok_or_else(|| refused("not known here"))
    }

    async fn give_back(&self, to: &Organisation, request: SourceRequest) -> Result<Release, PeerError> {
        let release = self.reach(&to.id)?.custodian.give_back(&self.me, &request).await;
        let mut release = release.map_err(refused)?;
        let world = self.world();
        world.replays.lock().expect("unpoisoned").entry(to.id.clone()).or_insert_with(|| release.clone());
        match self.tampers(&to.id) {
            Some(how @ (Tamper::Ciphertext | Tamper::Path | Tamper::Sender)) => {
                world.corrupt(&mut release, how, &to.id, &self.me);
            }
            Some(Tamper::Replay) => release = world.replays.lock().expect("unpoisoned")[&to.id].clone(),
            Some(how) => world.corrupt_given_back(&mut release, how, &to.id, &self.me),
            None => {}
        }
        Ok(release)
    }

    async fn destroy(&self, to: &Organisation, request: SourceRequest) -> Result<Destroyed, PeerError> {
        let receipt = self.reach(&to.id)?.custodian.destroy_for_source(&self.me, &request).await;
        let mut receipt = receipt.map_err(refused)?;
        if self.tampers(&to.id) == Some(Tamper::Sender) {
            receipt.signature.0[0] ^= 1;
        }
        Ok(receipt)
    }
}

impl Side {
    /// A share of another value, sealed as the holder would.
    fn false_share(&self, from: &OrganisationId, release: &EmergencyRelease) -> SealedEnvelope {
        let world = self.world();
        let compartment = release.package.statement.compartment;
        let place = release.package.statement.holders.iter().position(|one| one == from).expect("a holder");
        let share = EmergencyShare { compartment, index: place as u8 + 1, value: [0xee; 32] };
        let kem = &world.member(self.me.as_str()).kem_key;
        let label = salus_types::label::HPKE_EMERGENCY_RELEASE;
        crate::seal_envelope(&world.signing(from.as_str()), kem, label, &NETWORK, &share.encode())
            .expect("sealed")
    }

    fn tampers(&self, who: &OrganisationId) -> Option<Tamper> {
        let tamper = self.world().tamper.lock().expect("unpoisoned").clone();
        tamper.filter(|(liar, _)| liar == who).map(|(_, how)| how)
    }

    fn received(&self, from: &OrganisationId, mut release: Release) -> Release {
        if let Some(how) = self.tampers(from) {
            self.world().corrupt(&mut release, how, from, &self.me);
        }
        release
    }
}

impl World {
    /// A custodian that seals something else to a source than it holds.
    fn corrupt_given_back(
        &self,
        release: &mut Release,
        how: Tamper,
        from: &OrganisationId,
        to: &OrganisationId,
    ) {
        let label = salus_types::label::HPKE_GIVE_BACK;
        let sender = self.member(from.as_str()).node_key;
        let plain = crate::open_envelope(&release.shares, &sender, &self.kem(to.as_str()), label, &NETWORK);
        let mut given: GivenBack = decode_canonical(&plain.expect("opens")).expect("an answer");
        let mut shares = std::mem::take(&mut given.shares).into_inner();
        let mut versions = std::mem::take(&mut release.versions).into_inner();
        match how {
            Tamper::Shares => shares.iter_mut().for_each(|share| share.value[0] ^= 1),
            Tamper::Others => {
                let values: Vec<_> = shares.iter().map(|share| share.value).collect();
                let others = values.iter().cycle().skip(1);
                shares.iter_mut().zip(others).for_each(|(share, other)| share.value = *other);
                versions.reverse();
                let ids: Vec<_> = versions.iter().map(|one| one.package.header.version).collect();
                let others = ids.iter().cycle().skip(1);
                versions.iter_mut().zip(others).for_each(|(one, id)| one.package.header.version = *id);
            }
            Tamper::Complains => {
                let newest = given.newest.expect("it holds the batch");
                let false_word = (0..=newest).map(|generation| DamagedBatch { sequence: 0, generation });
                given.damaged = Bounded::new(false_word.collect()).expect("few");
            }
            how => {
                (shares, versions) = (Vec::new(), Vec::new());
                if how == Tamper::Boasts {
                    given.newest = Some(9);
                }
            }
        }
        given.shares = Bounded::new(shares).expect("as many");
        release.versions = Bounded::new(versions).expect("as many");
        let kem = &self.member(to.as_str()).kem_key;
        release.shares =
            crate::seal_envelope(&self.signing(from.as_str()), kem, label, &NETWORK, &given.encode())
                .expect("sealed");
    }

    fn corrupt(&self, release: &mut Release, how: Tamper, from: &OrganisationId, to: &OrganisationId) {
        let mut versions = std::mem::take(&mut release.versions).into_inner();
        match how {
            Tamper::Ciphertext => versions.iter_mut().for_each(|released| {
                let mut bytes = released.package.ciphertext.to_vec();
                bytes[70] ^= 1;
                released.package.ciphertext = Bounded::new(bytes).expect("as long");
            }),
            Tamper::Path => versions.iter_mut().for_each(|released| released.path.index ^= 1),
            Tamper::Sender => release.shares.sender = PublicKey([3; 32]),
            Tamper::Replay | Tamper::Others | Tamper::Nothing | Tamper::Boasts | Tamper::Complains => {}
            Tamper::Shares => {
                let key = self.kem(to.as_str());
                let label = salus_types::label::HPKE_RELEASE;
                let sender = self.member(from.as_str()).node_key;
                let plain = crate::open_envelope(&release.shares, &sender, &key, label, &NETWORK);
                let shares: Bounded<ReleasedShare, SHARES_PER_RELEASE_MAX> =
                    decode_canonical(&plain.expect("opens")).expect("shares");
                let mut shares = shares.into_inner();
                shares.iter_mut().for_each(|share| share.value[0] ^= 1);
                let shares: Bounded<ReleasedShare, SHARES_PER_RELEASE_MAX> =
                    Bounded::new(shares).expect("as many");
                let signing = self.signing(from.as_str());
                let kem = &self.member(to.as_str()).kem_key;
                release.shares =
                    crate::seal_envelope(&signing, kem, label, &NETWORK, &shares.encode()).expect("sealed");
            }
        }
        release.versions = Bounded::new(versions).expect("as many");
    }
}
