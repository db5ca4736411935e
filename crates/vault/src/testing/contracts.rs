//! What the contracts would do, as far as the vault depends on it.

use super::*;

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
                let proof = self.proof(action, height);
                ledger.anchors.insert((anchor.organisation.clone(), anchor.sequence), proof);
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
            Action::Access(access) => {
                let Some(grant) = ledger.state.get(&key::grant(&access.grant)) else {
                    return reject("unknown grant");
                };
                let grant: GrantEntry = decode_canonical(grant).expect("an entry");
                if !grant.is_live(time_ms) {
                    return reject("the grant is dead");
                }
                let who = self.organisations.iter().find(|organisation| organisation.node_key == *signer);
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
                ledger.state.insert(at, entry.encode().to_vec());
                at
            }
            _ => return reject("not part of this test"),
        };
        self.submitted.fetch_add(1, Ordering::Relaxed);
        Ok(Finalised { id: salus_types::TransactionId(Digest::ZERO), height, time_ms, entry: at })
    }

    /// A proof with a right path and no certificate, which is the verifier's business.
    fn proof(&self, action: &Action, height: u64) -> TransactionProof {
        let transaction = Transaction::sign(NETWORK, &self.signing("hospital-a"), 0, action.clone());
        let leaves = [merkle::leaf_hash(transaction.encode())];
        let zero = Digest::ZERO;
        let header = Header {
            version: 1,
            network: NETWORK,
            height,
            time_ms: 0,
            parent: zero,
            epoch: 0,
            view: 0,
            parent_view: 0,
            leader: PublicKey([0; 32]),
            transactions_root: merkle::root_of_leaf_hashes(&leaves),
            transactions: 1,
            receipts_root: zero,
            state_root: zero,
            sync_root: zero,
            sync_start: 0,
            sync_end: 0,
            next_validators: zero,
        };
        let headers = Bounded::new(vec![header]).expect("one");
        TransactionProof {
            transaction,
            path: merkle::prove(&leaves, 0).expect("a leaf"),
            block: CertifiedHeader { headers, certificate: Bounded::default() },
        }
    }
}
