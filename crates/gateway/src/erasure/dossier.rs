//! What became of an erasure: for patient and steward at a glance, and as a file that anyone verifies offline.

use super::carry::read;
use super::rows::{Order, Work};
use crate::error::Error;
use crate::proven::prove;
use crate::state::Gateway;
use salus_types::OrganisationId;
use salus_types::state::{ErasedEntry, ErasureEntry, StateKey, key};
use salus_types::{ErasureId, decode_canonical};
use salus_verifier::{EntryFile, ErasureFile, ErasureOrderFile, ReceiptFile, Subject};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Records that are kept, in one answer.
const KEPT_SHOWN_MAX: usize = 200;

/// How far an erasure is, and who has signed that it is done.
///
/// # Errors
/// The ledger does not answer.
pub(crate) async fn progress(gateway: &Gateway, work: &Work) -> Result<Value, Error> {
    let mut due_ms = None;
    let members: Vec<OrganisationId> =
        gateway.chain().network().organisations().map(|member| member.id.clone()).collect();
    // Signed by a member once it has signed for every order; the last counts.
    let mut signed: BTreeMap<&OrganisationId, (usize, u64, u64, bool)> = BTreeMap::new();
    for order in &work.orders {
        let (_, notice) = read(order)?;
        let entry: Option<ErasureEntry> = entry(gateway, key::erasure(&notice.erasure)).await?;
        due_ms = due_ms.max(entry.map(|entry| entry.receipts_due_ms));
        for member in &members {
            let receipt: Option<ErasedEntry> =
                self::entry(gateway, key::erased(&notice.erasure, member)).await?;
            if let Some(receipt) = receipt {
                let row = signed.entry(member).or_default();
                row.0 += 1;
                row.1 = row.1.max(receipt.time_ms);
                row.2 += u64::from(receipt.copies);
                row.3 |= receipt.late;
            }
        }
    }
    let receipts: Vec<_> = members
        .iter()
        .map(|member| match signed.get(member) {
            Some((orders, time_ms, copies, late)) if *orders == work.orders.len() => {
                json!({ "organisation": member, "timeMs": time_ms, "copies": copies, "late": late })
            }
            _ => json!({ "organisation": member }),
        })
        .collect();
    Ok(json!({
        "ground": work.ground,
        "step": work.step,
        "records": work.records,
        "kept": work.kept.iter().take(KEPT_SHOWN_MAX).collect::<Vec<_>>(),
        "keptCount": work.kept.len(),
        "receiptsDueMs": due_ms,
        "receipts": if work.orders.is_empty() { Vec::new() } else { receipts },
    }))
}

async fn entry<T>(gateway: &Gateway, key: StateKey) -> Result<Option<T>, Error>
where
    T: commonware_codec::Read<Cfg = ()> + commonware_codec::Encode,
{
    let value = gateway.chain().state(key).await?;
    value.map(|value| decode_canonical(&value).map_err(Error::internal)).transpose()
}

/// The dossier of an erasure: each order with what opens it, and what the ledger has of every member's receipt, proven.
///
/// # Errors
/// The ledger does not answer.
pub(crate) async fn dossier(gateway: &Gateway, work: &Work) -> Result<ErasureFile, Error> {
    let mut orders = Vec::with_capacity(work.orders.len());
    for order in &work.orders {
        orders.push(order_file(gateway, order).await?);
    }
    Ok(ErasureFile::new(orders))
}

async fn order_file(gateway: &Gateway, order: &Order) -> Result<ErasureOrderFile, Error> {
    let (_, notice) = read(order)?;
    let mut receipts = Vec::new();
    let members: Vec<OrganisationId> =
        gateway.chain().network().organisations().map(|member| member.id.clone()).collect();
    for organisation in members {
        let entry = prove_entry(gateway, key::erased(&notice.erasure, &organisation)).await?;
        receipts.push(ReceiptFile { organisation, entry });
    }
    let erasure: ErasureId = notice.erasure;
    Ok(ErasureOrderFile {
        notice: order.notice.clone(),
        order: prove_entry(gateway, key::erasure(&erasure)).await?,
        receipts,
    })
}

async fn prove_entry(gateway: &Gateway, key: StateKey) -> Result<EntryFile, Error> {
    let handovers = gateway.chain().handovers().await?;
    prove(gateway, &Subject::Entry(key), &handovers).await
}
