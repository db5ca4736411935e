//! Tables over the mempool's state: `step -> expectation`.

use salus_node::mempool::state::{Limits, Local, Refusal, State};
use salus_node::testing::signing_key;
use salus_types::action::RegisterPatient;
use salus_types::transaction::Transaction;
use salus_types::{Address, Digest, NetworkId, TransactionId};
use std::collections::HashSet;
use std::sync::Arc;

const LIMITS: Limits = Limits { count: 4, bytes: 10_000, per_signer: 2, rejections: 2 };

fn transaction(signer: u8, tag: u8, valid_until: u64) -> Transaction {
    let action = RegisterPatient { address: Address(Digest([tag; 32])) };
    Transaction::sign(NetworkId(Digest([1; 32])), &signing_key(signer), valid_until, action)
}

fn insert(state: &mut State, transaction: &Transaction, bytes: usize) -> Result<TransactionId, Refusal> {
    let id = transaction.id();
    state.insert(id, Arc::new(transaction.clone()), bytes).map(|()| id)
}

fn selected(state: &State, height: u64) -> Vec<TransactionId> {
    state.select(height, 100, 100_000, &HashSet::new()).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn bounds_refuse_with_their_reason() {
    let mut state = State::new(LIMITS);
    let table = [
        ("first", 0, 1, 10, 100, Ok(())),
        ("the same again", 0, 1, 10, 100, Err(Refusal::Known)),
        ("expired", 0, 2, 0, 100, Err(Refusal::Expired { valid_until: 0 })),
        ("second of the signer", 0, 3, 10, 100, Ok(())),
        ("third of the signer", 0, 4, 10, 100, Err(Refusal::SignerFull)),
        ("another signer, too large", 1, 5, 10, 9_900, Err(Refusal::Full)),
        ("another signer", 1, 6, 10, 100, Ok(())),
        ("fourth", 2, 7, 10, 100, Ok(())),
        ("fifth", 3, 8, 10, 100, Err(Refusal::Full)),
    ];
    for (name, signer, tag, valid_until, bytes, expected) in table {
        let result = insert(&mut state, &transaction(signer, tag, valid_until), bytes);
        assert_eq!(result.map(|_| ()), expected, "{name}");
    }
    assert_eq!((state.len(), state.bytes(), state.ready()), (4, 400, 4));
}

#[test]
fn selection_is_in_order_of_arrival_and_within_its_bounds() {
    let mut state = State::new(Limits::default());
    let ids: Vec<_> =
        (0..5).map(|tag| insert(&mut state, &transaction(tag, tag, 10), 100).unwrap()).collect();
    assert_eq!(selected(&state, 5), ids);
    assert_eq!(selected(&state, 11), [], "none is valid above 10");
    let excluded = HashSet::from([ids[0], ids[2]]);
    let chosen: Vec<_> = state.select(5, 2, 100_000, &excluded).into_iter().map(|(id, _)| id).collect();
    assert_eq!(chosen, [ids[1], ids[3]]);
    assert_eq!(state.select(5, 100, 299, &HashSet::new()).len(), 2);
}

#[test]
fn what_a_lost_branch_took_is_ready_again() {
    let mut state = State::new(Limits::default());
    let ids: Vec<_> =
        (0..3).map(|tag| insert(&mut state, &transaction(tag, tag, 10), 100).unwrap()).collect();
    state.taken(1, &ids[..2]);
    assert_eq!(state.ready(), 1);
    state.taken(2, &ids[1..2]);
    state.finalised(1, &ids[..1]);
    assert_eq!(insert(&mut state, &transaction(0, 0, 10), 100), Err(Refusal::Final), "late gossip");
    assert_eq!((state.len(), state.ready()), (2, 1), "a block at 2 may still hold the second");
    state.finalised(2, &[]);
    assert_eq!((state.len(), state.ready()), (2, 2), "it did not");
    assert_eq!(selected(&state, 3), ids[1..]);
}

#[test]
fn expiry_and_refusal_are_remembered_with_their_reason() {
    let mut state = State::new(LIMITS);
    let short = insert(&mut state, &transaction(0, 0, 3), 100).unwrap();
    let wrong = insert(&mut state, &transaction(1, 1, 9), 100).unwrap();
    state.refused(1, &wrong, "no such grant");
    assert_eq!(state.local(&wrong), Some(Local::Pending), "once may be bad luck");
    state.finalised(1, &[]);
    state.refused(2, &wrong, "no such grant");
    assert_eq!(state.local(&wrong), Some(Local::Rejected("no such grant".to_owned())));
    state.finalised(3, &[]);
    assert_eq!(state.local(&short), Some(Local::Rejected("expired at block 3".to_owned())));
    assert!(state.is_empty());
    assert_eq!((state.bytes(), state.ready()), (0, 0));
    // Only the last two rejections are kept.
    let third = insert(&mut state, &transaction(2, 2, 4), 100).unwrap();
    state.finalised(4, &[]);
    assert_eq!(state.local(&wrong), None);
    assert!(state.local(&third).is_some());
    state.finalised(5, &[short]);
    assert_eq!(state.local(&short), None, "final on another node's word after all");
}
