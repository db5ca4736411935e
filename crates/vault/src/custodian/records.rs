//! Taking compartment records and patient links from sources.

use super::Custodian;
use super::accept::{CustodyError, source};
use crate::node::{Context, blocking};
use crate::store::tables::{LINKS, MARK, OF_OWNER, RECORDS, SUCCESSORS, key};
use crate::store::{Reads, WriteTx};
use crate::wrap::{is_same_link, link_is_signed};
use commonware_codec::Encode as _;
use salus_types::organisation::Organisation;
use salus_types::vault::{CompartmentRecord, CompartmentStatement, PatientLink, WRAPPED_KEY_LENGTH};
use salus_types::{OrganisationId, namespace};

impl Custodian {
    /// Takes compartment records; the newest revision wins. `Ok` once durable.
    ///
    /// # Errors
    /// [`CustodyError`]; none of the records is taken then.
    pub async fn accept_compartments(
        &self,
        from: &OrganisationId,
        records: Vec<CompartmentRecord>,
    ) -> Result<(), CustodyError> {
        let (ctx, from) = (self.ctx.clone(), from.clone());
        blocking(move || {
            let source = source(&ctx, &from)?;
            records.iter().try_for_each(|record| check_record(&ctx, &source, record))?;
            let tx = ctx.store.write()?;
            records.iter().try_for_each(|record| put_record(&tx, record))?;
            Ok(tx.commit()?)
        })
        .await
    }

    /// Takes a patient link. `Ok` once durable.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub async fn accept_link(&self, from: &OrganisationId, link: PatientLink) -> Result<(), CustodyError> {
        let (ctx, from) = (self.ctx.clone(), from.clone());
        blocking(move || {
            let source = source(&ctx, &from)?;
            if link.source != from || link.network != ctx.node.network {
                return Err(CustodyError::Address);
            }
            if !link_is_signed(&link, &source.node_key) {
                return Err(CustodyError::Signature);
            }
            let at = key::link(&link.owner, &link.source, link.number);
            let tx = ctx.store.write()?;
            match tx.get(&LINKS, &at)? {
                Some(known) if known == link => return Ok(()),
                // The source has another node key than before.
                Some(known) if is_same_link(&known, &link) => tx.put(&LINKS, &at, &link)?,
                Some(_) => return Err(CustodyError::Conflict),
                None => tx.put(&LINKS, &at, &link)?,
            }
            Ok(tx.commit()?)
        })
        .await
    }
}

fn check_record(
    ctx: &Context,
    source: &Organisation,
    record: &CompartmentRecord,
) -> Result<(), CustodyError> {
    let statement = &record.statement;
    if statement.source != source.id || statement.network != ctx.node.network {
        return Err(CustodyError::Address);
    }
    if !matches!(statement.wrapped.len(), 0 | WRAPPED_KEY_LENGTH)
        || (statement.epoch == 0) != statement.predecessor.is_none()
    {
        return Err(CustodyError::Malformed("compartment"));
    }
    let signed = source.node_key.verify(namespace::COMPARTMENT, &statement.encode(), &record.signature);
    signed.map_err(|_| CustodyError::Signature)
}

fn put_record(tx: &WriteTx, record: &CompartmentRecord) -> Result<(), CustodyError> {
    let statement = &record.statement;
    let id = statement.compartment;
    let known: Option<CompartmentRecord> = tx.get(&RECORDS, id.as_bytes())?;
    if let Some(known) = &known {
        let fixed = |s: &CompartmentStatement| (s.source.clone(), s.epoch, s.predecessor);
        if fixed(&known.statement) != fixed(statement) {
            return Err(CustodyError::Conflict);
        }
        if known.statement.revision >= statement.revision {
            let differs = known.statement.revision == statement.revision && known != record;
            return if differs { Err(CustodyError::Conflict) } else { Ok(()) };
        }
        if let Some(owner) = known.statement.owner.filter(|owner| Some(*owner) != statement.owner) {
            tx.remove(&OF_OWNER, &[owner.as_bytes(), id.as_bytes()].concat())?;
        }
    }
    if let Some(owner) = statement.owner {
        tx.put(&OF_OWNER, &[owner.as_bytes(), id.as_bytes()].concat(), &MARK)?;
    }
    if let Some(before) = statement.predecessor {
        let at = key::successor(&before, &statement.source);
        match tx.get(&SUCCESSORS, &at)? {
            Some(next) if next != id => return Err(CustodyError::Conflict),
            Some(_) => {}
            None => tx.put(&SUCCESSORS, &at, &id)?,
        }
    }
    Ok(tx.put(&RECORDS, id.as_bytes(), record)?)
}
