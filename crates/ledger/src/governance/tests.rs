use crate::testing::{DAY_MS, World, genesis, id, key};
use crate::{Rejection, check_stateless};
use salus_crypto::hash::sha256;
use salus_types::action::{Anchor, Propose, RegisterPatient, Vote};
use salus_types::genesis::Parameters;
use salus_types::governance::*;
use salus_types::membership::MembershipError;
use salus_types::organisation::{Class, Organisation};
use salus_types::state::{OpenProposals, OrganisationEntry, ProposalEntry, key as state_key};
use salus_types::{Address, ProposalId, PublicKey};

fn propose(proposer: &str, change: impl Into<Change>) -> Propose {
    Propose { organisation: id(proposer), change: change.into(), nonce: [0; 16] }
}

fn vote(voter: &str, proposal: ProposalId, approve: bool) -> Vote {
    Vote { organisation: id(voter), proposal, approve }
}

fn clinic(world: &World) -> Admit {
    let organisation = Organisation {
        id: id("clinic"),
        node_key: key("clinic").public(),
        tls_certificate: sha256(b"clinic"),
        validator: false,
        ..genesis().organisations[0].clone()
    };
    let acceptance = accept(&world.network, &organisation, &key("clinic"));
    Admit { organisation, acceptance }
}

fn duties(name: &str, validator: bool, custodian: bool) -> SetDuties {
    SetDuties { organisation: id(name), validator, custodian }
}

/// Proposes, lets the first `approving` of the other genesis organisations approve, ends the epoch.
fn decide(world: &mut World, change: impl Into<Change>, approving: usize) -> (Outcome, Vec<PublicKey>) {
    let proposal = propose("hospital-a", change);
    assert_eq!(world.act("hospital-a", proposal.clone()), Ok(()));
    for voter in ["hospital-b", "regulator", "insurer"].iter().take(approving) {
        assert_eq!(world.act(voter, vote(voter, proposal.id(), true)), Ok(()));
    }
    let next = world.end_epoch();
    let entry: ProposalEntry = world.entry(state_key::proposal(&proposal.id())).unwrap();
    (entry.outcome, next.validators)
}

#[test]
fn two_thirds_of_the_members_decide_at_the_end_of_an_epoch() {
    for (approving, expected) in
        [(0, Outcome::Open), (1, Outcome::Open), (2, Outcome::Executed), (3, Outcome::Executed)]
    {
        let mut world = World::new();
        let admit = clinic(&world);
        assert_eq!(decide(&mut world, admit, approving).0, expected, "1 + {approving} of 4");
        let entry: Option<OrganisationEntry> = world.entry(state_key::organisation(&key("clinic").public()));
        assert_eq!(entry.is_some(), expected == Outcome::Executed);
        let open: OpenProposals = world.entry(state_key::proposals()).unwrap();
        assert_eq!(open.open.is_empty(), expected != Outcome::Open);
    }
}

#[test]
fn a_member_acts_and_gets_a_seat_only_after_it_was_admitted() {
    let mut world = World::new();
    let register = RegisterPatient { address: Address(salus_types::Digest::ZERO) };
    assert_eq!(world.act("clinic", register.clone()), Err(Rejection::NotAnOrganisation));
    let admit = clinic(&world);
    let (_, validators) = decide(&mut world, admit, 2);
    assert_eq!(validators.len(), 4, "no seat yet");
    assert_eq!(world.act("clinic", register), Ok(()));
    let (outcome, validators) = decide(&mut world, duties("clinic", true, true), 3);
    assert_eq!((outcome, validators.len()), (Outcome::Executed, 5));
    assert!(validators.is_sorted() && validators.contains(&key("clinic").public()));
    let (outcome, validators) = decide(&mut world, Remove { organisation: id("clinic") }, 3);
    assert_eq!((outcome, validators.len()), (Outcome::Executed, 4));
    let anchor = Anchor {
        organisation: id("clinic"),
        batch_root: salus_types::Digest::ZERO,
        sequence: 0,
        size_class: 0,
    };
    assert_eq!(world.act("clinic", anchor), Err(Rejection::NotAnOrganisation));
}

#[test]
fn more_than_a_third_refuse_and_time_closes() {
    let mut world = World::new();
    let refused = propose("hospital-a", duties("insurer", false, false));
    let lapsed = propose("hospital-a", Remove { organisation: id("insurer") });
    for proposal in [&refused, &lapsed] {
        assert_eq!(world.act("hospital-a", proposal.clone()), Ok(()));
    }
    assert_eq!(world.act("hospital-b", vote("hospital-b", refused.id(), false)), Ok(()));
    world.end_epoch();
    let outcome = |world: &World, proposal: &Propose| {
        world.entry::<ProposalEntry>(state_key::proposal(&proposal.id())).unwrap().outcome
    };
    assert_eq!(outcome(&world, &refused), Outcome::Open, "1 of 4 is not more than a third");
    assert_eq!(world.act("regulator", vote("regulator", refused.id(), false)), Ok(()));
    world.end_epoch();
    assert_eq!(outcome(&world, &refused), Outcome::Refused);
    assert_eq!(outcome(&world, &lapsed), Outcome::Open);
    world.time_ms += 14 * DAY_MS;
    let late = vote("insurer", lapsed.id(), true);
    assert_eq!(world.act("insurer", late), Err(Rejection::Closed));
    world.end_epoch();
    assert_eq!(outcome(&world, &lapsed), Outcome::Lapsed);
}

#[test]
fn one_organisation_has_one_vote_and_outsiders_none() {
    let mut world = World::new();
    let proposal = propose("hospital-a", Remove { organisation: id("insurer") });
    assert_eq!(world.act("clinic", proposal.clone()), Err(Rejection::NotAnOrganisation));
    let foreign = Err(Rejection::OtherOrganisation(id("hospital-a")));
    assert_eq!(world.act("hospital-b", proposal.clone()), foreign);
    assert_eq!(world.act("hospital-a", proposal.clone()), Ok(()));
    assert_eq!(world.act("hospital-a", proposal.clone()), Err(Rejection::Exists("the proposal")));
    for approve in [true, false] {
        let again = vote("hospital-a", proposal.id(), approve);
        assert_eq!(world.act("hospital-a", again), Err(Rejection::Exists("the vote")));
    }
    let unknown = vote("hospital-b", ProposalId(salus_types::Digest::ZERO), true);
    assert_eq!(world.act("hospital-b", unknown), Err(Rejection::Unknown("proposal")));
    let for_another = vote("hospital-b", proposal.id(), true);
    assert_eq!(world.act("insurer", for_another), Err(Rejection::OtherOrganisation(id("hospital-b"))));
}

#[test]
fn a_vote_leaves_with_its_member_and_its_place_is_given_again() {
    let mut world = World::new();
    let open = propose("hospital-b", SetClass { organisation: id("insurer"), class: Class::Research });
    assert_eq!(world.act("hospital-b", open.clone()), Ok(()));
    assert_eq!(world.act("insurer", vote("insurer", open.id(), true)), Ok(()));
    assert_eq!(decide(&mut world, Remove { organisation: id("insurer") }, 2).0, Outcome::Executed);
    let admit = clinic(&world);
    assert_eq!(decide(&mut world, admit, 2).0, Outcome::Executed);
    let entry: OrganisationEntry = world.entry(state_key::organisation(&key("clinic").public())).unwrap();
    assert_eq!(entry.slot, 2, "the insurer's place");
    assert_eq!(world.act("clinic", vote("clinic", open.id(), true)), Ok(()), "a vote of its own");
    let entry: ProposalEntry = world.entry(state_key::proposal(&open.id())).unwrap();
    assert_eq!(super::count(&entry.approvals), 2);
    // It cannot be carried out any more, whoever approves.
    assert_eq!(world.act("regulator", vote("regulator", open.id(), true)), Ok(()));
    world.end_epoch();
    let entry: ProposalEntry = world.entry(state_key::proposal(&open.id())).unwrap();
    assert_eq!((entry.outcome, entry.decided.is_some()), (Outcome::Failed, true));
}

#[test]
fn who_joins_now_does_not_count_in_the_other_votes_of_now() {
    let mut world = World::new();
    let mut proposals = Vec::new();
    for name in ["clinic", "practice", "ward"] {
        let organisation = Organisation {
            id: id(name),
            node_key: key(name).public(),
            tls_certificate: sha256(name.as_bytes()),
            ..clinic(&world).organisation
        };
        let acceptance = accept(&world.network, &organisation, &key(name));
        proposals.push(propose("hospital-a", Admit { organisation, acceptance }));
    }
    for proposal in &proposals {
        assert_eq!(world.act("hospital-a", proposal.clone()), Ok(()));
        for voter in ["hospital-b", "regulator"] {
            assert_eq!(world.act(voter, vote(voter, proposal.id(), true)), Ok(()));
        }
    }
    world.end_epoch();
    for name in ["clinic", "practice", "ward"] {
        let entry: Option<OrganisationEntry> = world.entry(state_key::organisation(&key(name).public()));
        assert!(entry.is_some(), "{name}: three of the four who voted approve");
    }
}

#[test]
fn keys_rotate_and_only_the_new_one_speaks() {
    let mut world = World::new();
    let organisation = Organisation { node_key: key("new").public(), ..genesis().organisations[0].clone() };
    let update = |signer: &str| {
        let acceptance = accept(&world.network, &organisation, &key(signer));
        propose("hospital-a", Update { organisation: organisation.clone(), acceptance })
    };
    let stolen = world.sign("hospital-a", update("hospital-a"));
    assert_eq!(check_stateless(&world.network, &[stolen]), [Err(Rejection::Acceptance)]);
    let good = update("new");
    assert_eq!(check_stateless(&world.network, &[world.sign("hospital-a", good.clone())]), [Ok(())]);
    let Change::Update(change) = good.change else { unreachable!() };
    let for_another = propose("hospital-b", change.clone());
    assert!(world.act("hospital-b", for_another).is_err(), "of itself only");
    let (outcome, validators) = decide(&mut world, change, 2);
    assert_eq!(outcome, Outcome::Executed);
    assert!(validators.contains(&key("new").public()) && !validators.contains(&key("hospital-a").public()));
    let register = RegisterPatient { address: Address(salus_types::Digest::ZERO) };
    assert_eq!(world.act("hospital-a", register.clone()), Err(Rejection::NotAnOrganisation));
    assert_eq!(world.act("new", register), Ok(()));
}

#[test]
fn what_would_break_the_network_is_not_even_voted_on() {
    let mut world = World::new();
    let parameters = Parameters { epoch_blocks: 64, ..Parameters::default() };
    let mut forged = clinic(&world);
    forged.organisation.custodian = false;
    let mut seated = clinic(&world);
    seated.organisation.validator = true;
    seated.acceptance = accept(&world.network, &seated.organisation, &key("clinic"));
    let zero = Parameters { epoch_blocks: 0, ..Parameters::default() };
    for (change, expected) in [
        (Change::from(forged), Rejection::Acceptance),
        (seated.into(), Rejection::Malformed("a new member has no seat yet")),
        (SetParameters { parameters: zero.clone() }.into(), Rejection::Parameter(zero.check().unwrap_err())),
    ] {
        let transaction = world.sign("hospital-a", propose("hospital-a", change));
        assert_eq!(check_stateless(&world.network, &[transaction]), [Err(expected)]);
    }
    let interested = MembershipError::Interested { found: 1, validators: 3, most: 0 };
    let custodian = MembershipError::Custodian(id("hospital-b"), Class::Payer);
    for (change, expected) in [
        (Change::from(Remove { organisation: id("clinic") }), Rejection::Unknown("organisation")),
        (Remove { organisation: id("regulator") }.into(), Rejection::Membership(interested)),
        (
            SetClass { organisation: id("hospital-b"), class: Class::Payer }.into(),
            Rejection::Membership(custodian),
        ),
        (duties("hospital-b", true, false).into(), Rejection::Custodians(3)),
    ] {
        assert_eq!(world.act("hospital-a", propose("hospital-a", change)), Err(expected));
    }
    let (outcome, _) = decide(&mut world, SetParameters { parameters: parameters.clone() }, 2);
    assert_eq!(outcome, Outcome::Executed);
    assert_eq!(crate::parameters(&world.state), parameters);
}

#[test]
fn nobody_takes_the_certificate_of_another_member() {
    let world = &mut World::new();
    let theirs = genesis().organisations[1].tls_certificate;
    let organisation = Organisation { tls_certificate: theirs, ..clinic(world).organisation };
    let acceptance = accept(&world.network, &organisation, &key("clinic"));
    let shared = Err(Rejection::Membership(MembershipError::SharedCertificate));
    assert_eq!(world.act("hospital-a", propose("hospital-a", Admit { organisation, acceptance })), shared);
    let organisation = Organisation { tls_certificate: theirs, ..genesis().organisations[0].clone() };
    let acceptance = accept(&world.network, &organisation, &key("hospital-a"));
    assert_eq!(world.act("hospital-a", propose("hospital-a", Update { organisation, acceptance })), shared);
}

#[test]
fn one_protocol_follows_the_other() {
    let mut world = World::new();
    let to = |protocol| SetParameters { parameters: Parameters { protocol, ..Parameters::default() } };
    assert_eq!(world.act("hospital-a", propose("hospital-a", to(3))), Err(Rejection::Protocol(1)));
    assert_eq!(decide(&mut world, to(2), 2).0, Outcome::Executed);
    assert_eq!(crate::parameters(&world.state).protocol, 2);
    assert_eq!(world.act("hospital-a", propose("hospital-a", to(1))), Err(Rejection::Protocol(2)));
}

#[test]
fn nobody_fills_the_list_for_all() {
    let mut world = World::new();
    let nth = |nonce: u8, proposer: &str| {
        let change = Remove { organisation: id("insurer") }.into();
        Propose { organisation: id(proposer), change, nonce: [nonce; 16] }
    };
    for nonce in 0..8 {
        assert_eq!(world.act("hospital-a", nth(nonce, "hospital-a")), Ok(()));
    }
    assert_eq!(world.act("hospital-a", nth(8, "hospital-a")), Err(Rejection::Full("open proposals")));
    assert_eq!(world.act("hospital-b", nth(0, "hospital-b")), Ok(()));
}
