//! What the contracts would do, as far as the vault depends on it.

use super::*;
use salus_types::AppointmentId;
use salus_types::action::{BreakGlass, OrderErasure};
use salus_types::emergency::{EMERGENCY_ACCESS_MS, EMERGENCY_REVIEW_MS};
use salus_types::erasure::ERASURE_RECEIPTS_MS;
use salus_types::proxy::{Act, ByProxy, proxy_grant};
use salus_types::state::{ActEntry, AppointmentEntry, EmergencyEntry, ErasedEntry, ErasureEntry};

impl World {
    /// What the contracts would do, as far as the vault depends on it.
    pub(crate) fn apply(&self, signer: &PublicKey, action: &Action) -> Result<Finalised, LedgerError> {
        let mut ledger = self.ledger.lock().expect("unpoisoned");
        ledger.height += 1;
        ledger.time_ms += 1;
        let (height, time_ms) = (ledger.height, ledger.time_ms);
        let reject = |why: &str| Err(LedgerError::Rejected(why.to_owned()));
        let at = match action {
            Action::Anchor(anchor) => {
                let at = key::anchor(&anchor.organisation, anchor.sequence);
                if ledger.state.contains_key(&at) {
                    return reject("the anchor exists");
                }
                let entry = AnchorEntry {
                    batch_root: anchor.batch_root,
                    size_class: anchor.size_class,
                    height,
                    time_ms,
                };
                ledger.state.insert(at, entry.encode().to_vec());
                at
            }
            Action::Grant(grant) => {
                let at = key::grant(&GrantId::of(signer));
                let entry = GrantEntry {
                    terms: grant.terms,
                    scope: grant.scope,
                    expiry_ms: grant.expiry_ms,
                    height,
                    revoked: None,
                    accesses: 0,
                    by_proxy: None,
                };
                ledger.state.insert(at, entry.encode().to_vec());
                at
            }
            Action::Revoke(revoke) => {
                let at = key::grant(&revoke.grant);
                let mut entry: GrantEntry = decode_canonical(&ledger.state[&at]).expect("an entry");
                entry.revoked = Some(height);
                ledger.state.insert(at, entry.encode().to_vec());
                at
            }
            Action::Appoint(_) | Action::EndAppointment(_) | Action::ProxyAct(_) => {
                match proxies(&mut ledger.state, signer, action, (height, time_ms)) {
                    Some(at) => at,
                    None => return reject("not by this appointment"),
                }
            }
            Action::Access(access) => {
                let Some(grant) = ledger.state.get(&key::grant(&access.grant)) else {
                    return reject("unknown grant");
                };
                let grant: GrantEntry = decode_canonical(grant).expect("an entry");
                if !grant.is_live(time_ms) {
                    return reject("the grant is dead");
                }
                let members = self.members.lock().expect("unpoisoned");
                let who = members.iter().find(|organisation| organisation.node_key == *signer);
                let entry = AccessEntry {
                    grant: access.grant,
                    organisation: who.expect("a member").id.clone(),
                    purpose: access.purpose,
                    versions_root: access.versions_root,
                    count: access.count,
                    practitioner: access.practitioner,
                    height,
                    time_ms,
                };
                let at = key::access(&access.id(signer));
                ledger.accesses.push(access.id(signer));
                ledger.state.insert(at, entry.encode().to_vec());
                at
            }
            Action::BreakGlass(action) => {
                let at = key::emergency(&action.id());
                ledger.state.insert(at, emergency(action, height, time_ms).encode().to_vec());
                at
            }
            Action::OrderErasure(order) => order_erasure(&mut ledger.state, order, (height, time_ms)),
            Action::Erased(erased) => {
                let at = key::erased(&erased.erasure, &erased.organisation);
                if ledger.state.contains_key(&at) {
                    return reject("the receipt exists");
                }
                let (versions, copies) = (erased.versions, erased.copies);
                let entry = ErasedEntry { versions, copies, late: false, height, time_ms };
                ledger.state.insert(at, entry.encode().to_vec());
                at
            }
            _ => return reject("not part of this test"),
        };
        self.submitted.fetch_add(1, Ordering::Relaxed);
        Ok(Finalised { id: salus_types::TransactionId(Digest::ZERO), height, time_ms, entry: at })
    }

    /// The anchors that are there, without what shows them: that is the verifier's business.
    pub(crate) fn prove_anchors(&self, batches: &[BatchId]) -> AnchorProofs {
        let ledger = self.ledger.lock().expect("unpoisoned");
        let proof = |batch: &BatchId| {
            let entry = decode_canonical(ledger.state.get(&batch.key())?).expect("an entry");
            Some(AnchorProof { batch: batch.clone(), entry, proof: Bounded::default() })
        };
        AnchorProofs {
            anchors: Bounded::new(batches.iter().filter_map(proof).collect()).expect("few"),
            block: CertifiedHeader { headers: Bounded::default(), certificate: Bounded::default() },
        }
    }
}

fn order_erasure(
    state: &mut HashMap<StateKey, Vec<u8>>,
    order: &OrderErasure,
    (height, time_ms): (u64, u64),
) -> StateKey {
    let count = state.get(&key::erasures());
    let number: u64 = count.map_or(0, |count| decode_canonical(count).expect("a number"));
    let entry = ErasureEntry {
        number,
        organisation: order.organisation.clone(),
        versions_root: order.versions_root,
        count: order.count,
        ground: order.ground,
        height,
        time_ms,
        receipts_due_ms: time_ms + ERASURE_RECEIPTS_MS,
    };
    let at = key::erasure(&order.id());
    state.insert(at, entry.encode().to_vec());
    state.insert(key::erasure_of_number(number), order.id().encode().to_vec());
    state.insert(key::erasures(), (number + 1).encode().to_vec());
    at
}

/// What the contract of those who act for patients would do.
fn proxies(
    state: &mut HashMap<StateKey, Vec<u8>>,
    signer: &PublicKey,
    action: &Action,
    (height, time_ms): (u64, u64),
) -> Option<StateKey> {
    Some(match action {
        Action::Appoint(appoint) => {
            let at = key::appointment(&AppointmentId::of(signer));
            let entry = AppointmentEntry {
                mandate: appoint.mandate,
                proxy: appoint.proxy,
                shares: appoint.shares,
                expiry_ms: appoint.expiry_ms,
                height,
                time_ms,
                ended: None,
                acts: 0,
            };
            state.insert(at, entry.encode().to_vec());
            at
        }
        Action::EndAppointment(end) => {
            let at = key::appointment(&end.appointment);
            let mut entry: AppointmentEntry = decode_canonical(&state[&at]).expect("an entry");
            entry.ended = Some(height);
            state.insert(at, entry.encode().to_vec());
            at
        }
        Action::ProxyAct(action) => {
            let at = key::appointment(&action.appointment);
            let entry = state.get(&at)?;
            let mut entry: AppointmentEntry = decode_canonical(entry).expect("an entry");
            if entry.proxy != *signer || entry.acts != action.number || !entry.is_live(time_ms) {
                return None;
            }
            if let Act::ProxyRevoke(revoke) = &action.act {
                let at = key::grant(&revoke.grant);
                let mut grant: GrantEntry = decode_canonical(state.get(&at)?).expect("an entry");
                if grant.by_proxy.as_ref().is_none_or(|by| by.appointment != action.appointment) {
                    return None;
                }
                grant.revoked = Some(height);
                state.insert(at, grant.encode().to_vec());
            }
            if let Act::ProxyGrant(grant) = &action.act {
                let id = proxy_grant(&action.appointment, action.number);
                let by = ByProxy { appointment: action.appointment, mandate: entry.mandate };
                let grant = GrantEntry {
                    terms: grant.terms,
                    scope: grant.scope,
                    expiry_ms: grant.expiry_ms,
                    height,
                    revoked: None,
                    accesses: 0,
                    by_proxy: Some(by),
                };
                state.insert(key::grant(&id), grant.encode().to_vec());
            }
            entry.acts += 1;
            state.insert(at, entry.encode().to_vec());
            let at = key::act(&action.appointment, action.number);
            let entry = ActEntry { act: action.act.clone(), height, time_ms };
            state.insert(at, entry.encode().to_vec());
            at
        }
        _ => return None,
    })
}

fn emergency(action: &BreakGlass, height: u64, time_ms: u64) -> EmergencyEntry {
    EmergencyEntry {
        number: 0,
        organisation: action.organisation.clone(),
        target: action.target,
        practitioner: action.practitioner,
        ground: action.ground,
        statement: action.statement,
        began_ms: action.began_ms,
        height,
        time_ms,
        access_until_ms: time_ms + EMERGENCY_ACCESS_MS,
        review_due_ms: time_ms + EMERGENCY_REVIEW_MS,
    }
}
