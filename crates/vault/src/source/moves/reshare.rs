//! New shares of a batch, for those that are to keep it now.

use super::take_back::{Batch, Whole};
use super::{HANDING, Round};
use crate::node::blocking;
use crate::placement::trio;
use crate::sharing::split;
use crate::source::build::ANCHORED;
use crate::source::pack::{OutgoingPack, Packing, bounded, marks};
use crate::source::{Source, SourceError, Step};
use crate::store::tables::{MOVES, MoveRow, OPEN_BATCHES};
use crate::store::{PackName, StoreError};
use commonware_codec::Encode as _;
use salus_crypto::hash::sha256;
use salus_types::OrganisationId;
use salus_types::VersionId;
use salus_types::organisation::Organisation;
use std::collections::HashMap;
use std::sync::Arc;

impl Source {
    /// Takes a batch back and makes its shares anew. The move as it is then; `None` if it has to wait.
    pub(super) async fn reshare(
        self: &Arc<Self>,
        sequence: u64,
        row: MoveRow,
        round: &mut Round,
    ) -> Result<Option<MoveRow>, SourceError> {
        let batch = Arc::new(self.batch(sequence).await?);
        if batch.row.state != ANCHORED {
            return Ok(None);
        }
        let Some(whole) = self.take_back(sequence, &batch, round).await? else { return Ok(None) };
        self.reached(Step::SharesTakenBack)?;
        let given_up = row.generation;
        let generation = given_up.checked_add(1).ok_or(StoreError::Damaged)?;
        let (source, organisations, names) =
            (self.clone(), round.organisations.clone(), round.custodians.clone());
        let packed = move || source.pack_anew(&batch, whole, generation, &names, &organisations);
        let (pack, custodians) = blocking(packed).await?;
        let name = PackName::moving(sequence, generation);
        let encoded = pack.encode();
        let digest = sha256(&encoded);
        self.ctx.store.packs.put(&name, encoded).await?;
        self.reached(Step::NewPackWritten)?;
        let acked = marks(&vec![false; custodians.len()]);
        let row = MoveRow {
            state: HANDING,
            generation,
            custodians: bounded(custodians)?,
            acked,
            former: row.former,
            pack: digest,
        };
        let (store, committed) = (self.ctx.store.clone(), row.clone());
        blocking(move || {
            let tx = store.write()?;
            tx.put(&MOVES, &sequence.to_be_bytes(), &committed)?;
            // Nobody is served with the old shares any more.
            tx.remove(&OPEN_BATCHES, &sequence.to_be_bytes())?;
            tx.commit()
        })
        .await?;
        self.reached(Step::NewSharesCommitted)?;
        self.ctx.store.delete_pack(&PackName::outgoing(sequence)).await?;
        self.ctx.store.delete_pack(&PackName::moving(sequence, given_up)).await?;
        Ok(Some(row))
    }

    /// Splits every `S` with fresh randomness, and seals the shares under new links.
    fn pack_anew(
        &self,
        batch: &Batch,
        mut whole: HashMap<VersionId, Whole>,
        generation: u32,
        names: &[OrganisationId],
        organisations: &[Organisation],
    ) -> Result<(OutgoingPack, Vec<OrganisationId>), SourceError> {
        let mut packing = Packing::default();
        for version in &batch.versions {
            let Whole { s, package } = whole.remove(&version.id()).ok_or(StoreError::Damaged)?;
            let shares = split(&s, &version.id(), generation);
            let three = trio(&version.first, names)?;
            let link = |custodian: &OrganisationId| self.new_link(custodian, organisations);
            packing.add(version.row.leaf, package, &shares, &three, link)?;
        }
        Ok(packing.close(generation, batch.row.generation, batch.leaves.clone())?)
    }
}
