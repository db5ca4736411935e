//! Generations of a batch at a custodian.

use super::*;
use crate::custodian::CustodyError;
use crate::seal::{SealKey, SealedVersion, seal};
use crate::sharing::{Shares, split};
use crate::store::tables::EVIDENCE;
use crate::suite::NEWEST;
use crate::wrap::{organisation_link, seal_share};
use commonware_codec::Encode as _;
use salus_crypto::hash::sha256;
use salus_crypto::{Secret32, shamir};
use salus_types::vault::{Content, CustodyBatch, CustodyBatchBody, CustodyItem, Destroyed};
use salus_types::{CompartmentId, namespace};

const SEQUENCE: u64 = 5;

struct Batch {
    world: Arc<World>,
    sealed: Vec<SealedVersion>,
    leaves: Vec<Digest>,
}

fn batch() -> Batch {
    let world = World::new();
    world.open_all();
    let key = SealKey { compartment: CompartmentId(Digest([1; 32])), epoch: 0, key: Secret32::random() };
    let sealed: Vec<_> = (0..3).map(|_| seal(NEWEST, &key, Content::Fhir, b"{}").expect("small")).collect();
    let mut leaves = vec![Digest([0xdd; 32]); 64];
    sealed.iter().zip(&mut leaves).for_each(|(sealed, leaf)| *leaf = sealed.commitment);
    Batch { world, sealed, leaves }
}

impl Batch {
    fn body(&self, generation: u32, base: u32) -> CustodyBatchBody {
        let regulator = self.world.member("regulator");
        let (link, link_key) = organisation_link(NETWORK, id("hospital-a"), regulator, 1).expect("a link");
        let item = |(leaf, sealed): (usize, &SealedVersion)| {
            let version = sealed.package.header.version;
            let s = shamir::combine(&sealed.shares[..2]).expect("two");
            let Shares { shares, commitments } = split(&s, &version, generation);
            CustodyItem {
                leaf: leaf as u32,
                package: sealed.package.clone(),
                share_index: shares[0].index,
                share_commitments: commitments,
                sealed_share: seal_share(&link_key, &version, &shares[0]),
            }
        };
        CustodyBatchBody {
            link,
            sequence: SEQUENCE,
            generation,
            base,
            leaves: Bounded::new(self.leaves.clone()).expect("64"),
            items: Bounded::new(self.sealed.iter().enumerate().map(item).collect()).expect("three"),
        }
    }

    fn sign(&self, body: CustodyBatchBody) -> CustodyBatch {
        let digest = sha256(body.encode());
        let signature = self.world.signing("hospital-a").sign(namespace::CUSTODY_BATCH, digest.as_ref());
        CustodyBatch { body, signature }
    }

    async fn hand(&self, batch: CustodyBatch) -> Result<(), CustodyError> {
        let custodian = self.world.vault("regulator").expect("open").custodian.clone();
        custodian.accept_batch(&id("hospital-a"), batch).await
    }

    async fn destroy(&self, generation: u32) -> Result<Destroyed, String> {
        let body = request(&self.world, "regulator", SourceAsk::Destroy, (SEQUENCE, generation), vec![]);
        let custodian = self.world.vault("regulator").expect("open").custodian.clone();
        let answer = custodian.destroy_for_source(&id("hospital-a"), &signed(&self.world, body)).await;
        answer.map_err(|error| error.to_string())
    }

    /// Generations held of the batch, as rows and as packs.
    fn kept(&self) -> Vec<u32> {
        let tx = tables(&self.world.vault("regulator").expect("open"));
        let rows = tx.scan(&CUSTODY, &[], None, usize::MAX).expect("rows");
        let generations: Vec<_> = rows.iter().filter_map(|(at, _)| key::generation_at_end(at)).collect();
        assert_eq!(packs(&self.world, "regulator", "custody"), generations.len());
        let versions = tx.scan(&HELD_VERSIONS, &[], None, usize::MAX).expect("rows");
        assert_eq!(versions.len(), 3 * generations.len());
        let listed = tx.scan(&IN_COMPARTMENT, &[], None, usize::MAX).expect("rows");
        assert_eq!(listed.len(), if generations.is_empty() { 0 } else { 3 });
        generations
    }

    fn evidence(&self) -> usize {
        let tx = tables(&self.world.vault("regulator").expect("open"));
        let rows = tx.scan(&EVIDENCE, &[], None, usize::MAX).expect("rows").len();
        assert_eq!(packs(&self.world, "regulator", "evidence"), rows);
        rows
    }
}

#[tokio::test]
async fn of_the_generations_of_a_batch_the_newest_and_its_base_are_kept_and_no_lower_one_is_taken() {
    let batch = batch();
    let mut made = BTreeMap::new();
    // Generation and base that arrive; whether they are taken; what is kept then.
    for (generation, base, taken, kept) in [
        (1, 0, true, &[1][..]),
        (0, 0, false, &[1]),
        (2, 1, true, &[1, 2]),
        (4, 1, true, &[1, 4]),
        (3, 1, false, &[1, 4]),
        (5, 4, true, &[4, 5]),
        (5, 5, false, &[4, 5]),
        (6, 7, false, &[4, 5]),
        (9, 2, true, &[9]),
    ] {
        let sent = batch.sign(batch.body(generation, base));
        assert_eq!(batch.hand(sent.clone()).await.is_ok(), taken, "{generation} on {base}");
        assert_eq!(batch.kept(), kept, "{generation} on {base}");
        if taken {
            made.insert(generation, sent);
        }
    }
    // The same bytes again are no news for what is here, and too late for what is not.
    batch.hand(made.remove(&9).expect("made")).await.expect("the same");
    assert!(matches!(batch.hand(made.remove(&5).expect("made")).await, Err(CustodyError::Superseded)));
    assert_eq!((batch.kept(), batch.evidence()), (vec![9], 0));
}

#[tokio::test]
async fn a_contradiction_within_a_generation_or_about_the_leaves_is_kept_as_evidence() {
    let mut batch = batch();
    batch.hand(batch.sign(batch.body(0, 0))).await.expect("taken");
    batch.hand(batch.sign(batch.body(1, 0))).await.expect("taken");
    for generation in [0, 1, 0, 1] {
        // Made again, it has other links and shares.
        let other = batch.sign(batch.body(generation, 0));
        assert!(matches!(batch.hand(other).await, Err(CustodyError::Conflict)), "{generation}");
    }
    assert_eq!((batch.kept(), batch.evidence()), (vec![0, 1], 2));
    batch.leaves[60] = Digest([0xee; 32]);
    assert!(matches!(batch.hand(batch.sign(batch.body(2, 1))).await, Err(CustodyError::Conflict)));
    assert_eq!((batch.kept(), batch.evidence()), (vec![0, 1], 3));
    // Destroying at the source's word does not destroy what speaks against it.
    batch.destroy(1).await.expect("destroyed");
    assert_eq!((batch.kept(), batch.evidence()), (vec![1], 3));
}

#[tokio::test]
async fn shares_at_another_generations_coordinates_and_a_version_at_another_place_are_refused() {
    let batch = batch();
    batch.hand(batch.sign(batch.body(0, 0))).await.expect("taken");
    let refused = async |change: fn(&mut Vec<CustodyItem>)| {
        let mut body = batch.body(1, 0);
        let mut items = std::mem::take(&mut body.items).into_inner();
        change(&mut items);
        body.items = Bounded::new(items).expect("few");
        batch.hand(batch.sign(body)).await.expect_err("refused").to_string()
    };
    for index in [0, 1, 3, 7] {
        let change: fn(&mut Vec<CustodyItem>) = match index {
            0 => |items| items[1].share_index = 0,
            1 => |items| items[1].share_index = 1,
            3 => |items| items[1].share_index = 3,
            _ => |items| items[1].share_index = 7,
        };
        assert_eq!(refused(change).await, "malformed: share index");
    }
    let moved = refused(|items| items[2].leaf = 9).await;
    assert_eq!(moved, "malformed: a version of another batch");
    let elsewhere =
        refused(|items| items[0].package.header.compartment = CompartmentId(Digest([9; 32]))).await;
    assert_eq!(elsewhere, "malformed: a version of another batch");
    assert_eq!((batch.kept(), batch.evidence()), (vec![0], 0));
}

#[tokio::test]
async fn a_newer_generation_brings_the_same_packages_and_all_that_is_due_here() {
    let batch = batch();
    batch.hand(batch.sign(batch.body(0, 0))).await.expect("taken");
    let change = async |change: fn(&mut Vec<CustodyItem>)| {
        let mut body = batch.body(1, 0);
        let mut items = std::mem::take(&mut body.items).into_inner();
        change(&mut items);
        body.items = Bounded::new(items).expect("few");
        batch.hand(batch.sign(body)).await.map_err(|error| error.to_string())
    };
    let other = "malformed: another package than before";
    let ciphertext: fn(&mut Vec<CustodyItem>) = |items| {
        let mut bytes = items[1].package.ciphertext.to_vec();
        bytes[70] ^= 1;
        items[1].package.ciphertext = Bounded::new(bytes).expect("as long");
    };
    assert_eq!(change(ciphertext).await.expect_err("refused"), other);
    let key = change(|items| items[0].package.header.key_commitment[0] ^= 1).await;
    assert_eq!(key.expect_err("refused"), other);
    let due = "malformed: a version that is to be kept here is left out";
    let one: fn(&mut Vec<CustodyItem>) = |items| drop(items.remove(1));
    for left_out in [one, Vec::clear] {
        assert_eq!(change(left_out).await.expect_err("refused"), due);
    }
    assert_eq!((batch.kept(), batch.evidence()), (vec![0], 0));
    change(|_| {}).await.expect("taken");
    assert_eq!(batch.kept(), [0, 1]);
}

#[tokio::test]
async fn what_is_destroyed_is_gone_the_receipt_stays_the_same_and_nothing_lower_is_taken_again() {
    let batch = batch();
    let first = batch.sign(batch.body(0, 0));
    batch.hand(first.clone()).await.expect("taken");
    batch.hand(batch.sign(batch.body(1, 0))).await.expect("taken");
    assert_eq!(batch.kept(), [0, 1]);
    let receipt = batch.destroy(1).await.expect("destroyed");
    assert!(receipt.is_by(&batch.world.member("regulator").node_key));
    assert_eq!((receipt.generation, receipt.sequence), (1, SEQUENCE));
    assert_eq!(batch.kept(), [1]);
    batch.world.pass(1_000);
    assert_eq!(batch.destroy(1).await.expect("again"), receipt);
    // With a new node key it signs again: the old key's word would be believed by nobody.
    batch.world.renew_keys("regulator");
    let again = batch.destroy(1).await.expect("again");
    assert!(again.is_by(&batch.world.member_now("regulator").node_key));
    assert_eq!(salus_types::vault::Destroyed { signature: receipt.signature, ..again }, receipt);
    assert!(matches!(batch.hand(first.clone()).await, Err(CustodyError::Superseded)));
    // It has lost the duty: all of it goes, and nothing of it comes back.
    batch.world.custodians(&["hospital-a", "hospital-b"]);
    let last = batch.destroy(2).await.expect("destroyed");
    assert!(last.generation == 2 && last.time_ms > receipt.time_ms);
    assert!(batch.kept().is_empty());
    has_nothing(&batch.world, "regulator");
    batch.world.custodians(&["hospital-a", "hospital-b", "regulator"]);
    for late in [first, batch.sign(batch.body(1, 0))] {
        assert!(matches!(batch.hand(late).await, Err(CustodyError::Superseded)));
    }
    batch.hand(batch.sign(batch.body(2, 1))).await.expect("a newer one is taken");
    assert_eq!(batch.kept(), [2]);
}

#[tokio::test]
async fn a_custodian_destroys_nothing_that_it_is_still_to_keep() {
    let batch = batch();
    batch.hand(batch.sign(batch.body(0, 0))).await.expect("taken");
    let due = "this organisation is still to keep what it is asked to destroy";
    assert_eq!(batch.destroy(1).await.expect_err("its duty"), due);
    assert_eq!(batch.destroy(u32::MAX).await.expect_err("its duty"), due);
    batch.hand(batch.sign(batch.body(1, 0))).await.expect("taken");
    assert_eq!(batch.destroy(2).await.expect_err("its duty"), due);
    assert_eq!(batch.kept(), [0, 1]);
    batch.destroy(1).await.expect("replaced");
    assert_eq!(batch.kept(), [1]);
}

#[tokio::test]
async fn packs_that_a_crash_left_without_rows_go_at_the_next_start() {
    let batch = batch();
    batch.hand(batch.sign(batch.body(0, 0))).await.expect("taken");
    let folder = batch.world.path("regulator").join("packs/custody");
    let orphan = folder.join("hospital-a-0000000000000009-00000001");
    std::fs::write(&orphan, b"sealed").expect("written");
    let vault = batch.world.vault("regulator").expect("open");
    let running = vault.clone();
    let run = tokio::spawn(async move { running.run().await.map(|_| ()) });
    while orphan.exists() {
        assert!(!run.is_finished());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    run.abort();
    let _ = run.await;
    assert_eq!(batch.kept(), [0]);
}
