use crate::testing::{DAY_MS, World, id, order_erasure};
use crate::{Rejection, check_stateless};
use salus_crypto::hash::sha256;
use salus_types::ErasureId;
use salus_types::action::Erased;
use salus_types::erasure::ERASURE_RECEIPTS_MS;
use salus_types::organisation::Class;
use salus_types::state::{ErasedEntry, ErasureEntry, key};

fn erased(organisation: &str, erasure: ErasureId) -> Erased {
    Erased { organisation: id(organisation), erasure, versions: 3, copies: 9 }
}

#[test]
fn orders_come_from_those_who_keep_records_in_their_own_name() {
    for (signer, named, expected) in [
        ("hospital-a", "hospital-a", Ok(())),
        ("hospital-a", "hospital-b", Err(Rejection::OtherOrganisation(id("hospital-b")))),
        ("regulator", "regulator", Err(Rejection::Class(Class::Regulator))),
        ("stranger", "hospital-a", Err(Rejection::NotAnOrganisation)),
    ] {
        assert_eq!(World::new().act(signer, order_erasure(named)), expected, "{signer} as {named}");
    }
}

#[test]
fn orders_are_numbered_without_gaps_and_none_is_replayed() {
    let mut world = World::new();
    for number in 0..3_u64 {
        let mut order = order_erasure("hospital-a");
        order.nonce = [number as u8; 16];
        assert_eq!(world.act("hospital-a", order.clone()), Ok(()));
        let again = world.act("hospital-a", order.clone());
        assert_eq!(again, Err(Rejection::Exists("the order to erase")));
        assert_eq!(world.entry::<ErasureId>(key::erasure_of_number(number)), Some(order.id()));
        let entry: ErasureEntry = world.entry(key::erasure(&order.id())).expect("an entry");
        assert_eq!((entry.number, entry.organisation, entry.count), (number, id("hospital-a"), 3));
        assert_eq!(entry.receipts_due_ms, world.time_ms + ERASURE_RECEIPTS_MS);
    }
    assert_eq!(world.entry::<u64>(key::erasures()), Some(3));
}

#[test]
fn an_order_over_nothing_or_over_too_much_is_refused() {
    let world = World::new();
    for (count, good) in [(0, false), (1, true), (4_096, true), (4_097, false)] {
        let mut order = order_erasure("hospital-a");
        order.count = count;
        let transaction = world.sign("hospital-a", order);
        let outcome = check_stateless(&world.network, &[transaction]).remove(0);
        let expected = if good { Ok(()) } else { Err(Rejection::Malformed("number of versions")) };
        assert_eq!(outcome, expected, "{count}");
    }
}

#[test]
fn every_member_signs_once_for_an_order_that_exists_and_for_no_more_than_it_names() {
    let mut world = World::new();
    let order = order_erasure("hospital-a");
    let unknown = world.act("hospital-b", erased("hospital-b", order.id()));
    assert_eq!(unknown, Err(Rejection::Unknown("order to erase")));
    assert_eq!(world.act("hospital-a", order.clone()), Ok(()));
    let mut too_many = erased("hospital-b", order.id());
    too_many.versions = 4;
    assert_eq!(world.act("hospital-b", too_many), Err(Rejection::Malformed("more than was ordered")));
    for (signer, named, expected) in [
        ("hospital-b", "hospital-a", Err(Rejection::OtherOrganisation(id("hospital-a")))),
        ("stranger", "hospital-a", Err(Rejection::NotAnOrganisation)),
        ("hospital-a", "hospital-a", Ok(())),
        ("hospital-b", "hospital-b", Ok(())),
        ("regulator", "regulator", Ok(())),
        ("insurer", "insurer", Ok(())),
        ("hospital-b", "hospital-b", Err(Rejection::Exists("the receipt"))),
    ] {
        let outcome = world.act(signer, erased(named, order.id()));
        assert_eq!(outcome, expected, "{signer} as {named}");
    }
    let other = ErasureId(sha256(b"another"));
    assert_eq!(world.entry::<ErasedEntry>(key::erased(&other, &id("hospital-b"))), None);
}

#[test]
fn the_deadline_is_kept_by_the_contract() {
    for (after_ms, late) in
        [(0, false), (ERASURE_RECEIPTS_MS - 1, false), (ERASURE_RECEIPTS_MS, true), (90 * DAY_MS, true)]
    {
        let mut world = World::new();
        let order = order_erasure("hospital-a");
        world.act("hospital-a", order.clone()).expect("ordered");
        world.time_ms += after_ms;
        world.act("hospital-b", erased("hospital-b", order.id())).expect("a receipt");
        let entry: ErasedEntry = world.entry(key::erased(&order.id(), &id("hospital-b"))).expect("an entry");
        assert_eq!(entry.late, late, "after {after_ms} ms");
    }
}
