use crate::testing::{World, id, key};
use crate::{Rejection, check_stateless};
use salus_types::action::Accuse;
use salus_types::contradiction::{Contradiction, Misdeed, SignedVote};
use salus_types::state::{FaultEntry, StateKey, key as state_key};
use salus_types::{Digest, NetworkId, SigningKey, namespace};

const EPOCH: u64 = 300;
const VIEW: u64 = 7;

/// A vote as `docs/protocol/certificates.md` says that it is signed; numbers below 128 are one byte.
fn vote(network: &NetworkId, signer: &SigningKey, ending: &str, block: u8) -> SignedVote {
    let mut message = vec![0xac, 0x02, VIEW as u8];
    if ending != "_NULLIFY" {
        message.push(6);
        message.extend([block; 32]);
    }
    let signature = signer.sign(&format!("{}{ending}", namespace::consensus(network)), &message);
    if ending == "_NULLIFY" {
        return SignedVote::nullify(signature);
    }
    SignedVote { parent_view: 6, block: Digest([block; 32]), signature }
}

fn contradiction(network: &NetworkId, misdeed: Misdeed) -> Contradiction {
    let (first, second) = match misdeed {
        Misdeed::TwoNotarizes => ("_NOTARIZE", "_NOTARIZE"),
        Misdeed::TwoFinalizes => ("_FINALIZE", "_FINALIZE"),
        Misdeed::NullifyAndFinalize => ("_NULLIFY", "_FINALIZE"),
    };
    let liar = key("hospital-b");
    let (first, second) = (vote(network, &liar, first, 1), vote(network, &liar, second, 2));
    Contradiction { misdeed, epoch: EPOCH, view: VIEW, first, second }
}

fn accusation(contradiction: Contradiction) -> Accuse {
    Accuse { organisation: id("hospital-a"), validator: key("hospital-b").public(), contradiction }
}

fn stateless(world: &World, action: Accuse) -> Result<(), Rejection> {
    check_stateless(&world.network, &[world.sign("hospital-a", action)]).remove(0)
}

#[test]
fn two_votes_of_one_validator_that_contradict_each_other_convict_it() {
    for misdeed in Misdeed::ALL {
        let mut world = World::new();
        let action = accusation(contradiction(&world.network, *misdeed));
        assert_eq!(stateless(&world, action.clone()), Ok(()), "{misdeed}");
        assert_eq!(world.act("hospital-a", action), Ok(()), "{misdeed}");
        let pointer: StateKey = world.entry(state_key::fault_of_number(0)).unwrap();
        assert_eq!(pointer, state_key::fault(&key("hospital-b").public(), EPOCH));
        let entry: FaultEntry = world.entry(pointer).unwrap();
        assert_eq!((entry.organisation, entry.accuser), (id("hospital-b"), id("hospital-a")));
        assert_eq!((entry.misdeed, entry.epoch, entry.view), (*misdeed, EPOCH, VIEW));
    }
}

#[test]
fn what_does_not_convict_is_refused() {
    let world = World::new();
    let good = contradiction(&world.network, Misdeed::TwoFinalizes);
    let left = contradiction(&world.network, Misdeed::NullifyAndFinalize);
    let other = NetworkId(Digest([9; 32]));
    let same = Contradiction { second: good.first.clone(), ..good.clone() };
    let named = SignedVote { parent_view: 6, ..left.first.clone() };
    for (what, wrong) in [
        ("the same vote twice", same),
        ("votes in the wrong order", swapped(&good)),
        ("another kind of vote", Contradiction { misdeed: Misdeed::TwoNotarizes, ..good.clone() }),
        ("another view", Contradiction { view: VIEW + 1, ..good.clone() }),
        ("another epoch", Contradiction { epoch: EPOCH + 1, ..good.clone() }),
        ("votes of another network", contradiction(&other, Misdeed::TwoFinalizes)),
        ("a vote to leave that names a block", Contradiction { first: named, ..left }),
    ] {
        assert_eq!(stateless(&world, accusation(wrong)), Err(Rejection::Evidence), "{what}");
    }
    let innocent = Accuse { validator: key("insurer").public(), ..accusation(good) };
    assert_eq!(stateless(&world, innocent), Err(Rejection::Evidence));
}

fn swapped(good: &Contradiction) -> Contradiction {
    Contradiction { first: good.second.clone(), second: good.first.clone(), ..good.clone() }
}

#[test]
fn a_validator_is_accused_once_an_epoch_and_only_by_members() {
    let mut world = World::new();
    let action = accusation(contradiction(&world.network, Misdeed::TwoNotarizes));
    assert_eq!(world.act("clinic", action.clone()), Err(Rejection::NotAnOrganisation));
    let foreign = Err(Rejection::OtherOrganisation(id("hospital-a")));
    assert_eq!(world.act("insurer", action.clone()), foreign);
    let stranger = Accuse { validator: key("clinic").public(), ..action.clone() };
    assert_eq!(world.act("hospital-a", stranger), Err(Rejection::Unknown("organisation")));
    assert_eq!(world.act("hospital-a", action.clone()), Ok(()));
    let again = Accuse { organisation: id("insurer"), ..action };
    assert_eq!(world.act("insurer", again), Err(Rejection::Exists("the fault")));
    let more = Accuse {
        organisation: id("insurer"),
        ..accusation(Contradiction { epoch: 1, ..contradiction(&world.network, Misdeed::TwoNotarizes) })
    };
    assert_eq!(world.act("insurer", more), Ok(()));
    assert_eq!(world.entry::<u64>(state_key::faults()), Some(2));
}
