use crate::testing::{
    World, access, appoint, appointment_id, break_glass, grant, grant_id, id, key, order_erasure, read_for,
    share_for,
};
use crate::{BlockContext, Rejection, check_stateless, execute_block, select_and_execute};
use proptest::prelude::*;
use salus_crypto::hash::sha256;
use salus_types::action::{
    Accuse, Action, Anchor, AnchorLog, CancelRecovery, Dropped, EndAppointment, Erased, Propose, ProxyAct,
    RegisterPatient, RegisterPractitioner, Review, Revoke, StartRecovery, Vote,
};
use salus_types::category::Purpose;
use salus_types::contradiction::{Contradiction, Misdeed, SignedVote};
use salus_types::governance::Remove;
use salus_types::proxy::{ProxyRevoke, proxy_grant};
use salus_types::transaction::Transaction;
use salus_types::{Address, Digest, NetworkId, RecoveryId, Signature};

fn anchor(size_class: u8) -> Anchor {
    Anchor { organisation: id("hospital-a"), batch_root: sha256(b"batch"), sequence: 0, size_class }
}

#[test]
fn what_no_state_could_make_valid_is_refused_before_any_state_is_read() {
    let world = World::new();
    let sign = |signer: &str, action: Action| world.sign(signer, action);
    let mut forged = sign("hospital-a", anchor(0).into());
    forged.valid_until += 1;
    let mut other_signer = sign("hospital-a", anchor(0).into());
    other_signer.signer = key("hospital-b").public();
    let mut no_versions = access("once", Purpose::Treatment, "bo");
    no_versions.count = 0;
    let elsewhere = Transaction::sign(NetworkId(Digest::ZERO), &key("hospital-a"), 9, anchor(0));
    let table = [
        (sign("hospital-a", anchor(3).into()), Ok(())),
        (forged, Err(Rejection::Signature)),
        (other_signer, Err(Rejection::Signature)),
        (elsewhere, Err(Rejection::Network)),
        (sign("hospital-a", anchor(4).into()), Err(Rejection::Malformed("unknown size class"))),
        (sign("hospital-b", no_versions.into()), Err(Rejection::Malformed("no versions"))),
        (sign("proxy", read_for("once", 0, 0).into()), Err(Rejection::Malformed("no versions"))),
        (sign("anybody", read_for("once", 0, 3).into()), Ok(())),
        (sign("once", grant("hospital-b", Purpose::Treatment).into()), Ok(())),
    ];
    let (transactions, expected): (Vec<_>, Vec<_>) = table.into_iter().unzip();
    assert_eq!(check_stateless(&world.network, &transactions), expected);
}

#[test]
fn a_transaction_lives_until_its_last_height_and_not_forever() {
    let longest = World::new().parameters.transaction_lifetime_blocks_max;
    for (valid_until, allowed) in [(9, false), (10, true), (10 + longest, true), (11 + longest, false)] {
        let mut world = World::new();
        let transaction = Transaction::sign(world.network, &key("hospital-a"), valid_until, anchor(0));
        assert_eq!(world.run(&transaction).is_ok(), allowed, "{valid_until}");
    }
}

#[test]
fn a_proposal_leaves_out_what_a_block_may_not_hold() {
    let world = World::new();
    let context = BlockContext { height: world.height, time_ms: world.time_ms, ends_epoch: false };
    let good = world.sign("hospital-a", anchor(0));
    let candidates = [good.clone(), good.clone(), world.sign("regulator", anchor(0))];
    let (executed, refused) = select_and_execute(context, &candidates, &world.state);
    assert_eq!(refused.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1, 2]);
    let block = execute_block(context, &[good], &world.state);
    assert_eq!(block, Ok(executed));
}

fn any_action() -> impl Strategy<Value = (usize, Action)> {
    let digest = (0..3_u8).prop_map(|n| sha256([n]));
    let purpose = prop_oneof![Just(Purpose::Treatment), Just(Purpose::Research)];
    let organisation =
        prop_oneof![Just("hospital-a"), Just("hospital-b"), Just("insurer"), Just("regulator")];
    let once = prop_oneof![Just("once"), Just("twice")];
    let action = (digest, purpose, organisation, once, 0..3_u64, 0..20_u8).prop_map(
        |(digest, purpose, name, once, sequence, kind)| -> Action {
            let organisation = id(name);
            match kind {
                0 => RegisterPatient { address: Address(digest) }.into(),
                1 => RegisterPractitioner { commitment: sha256(b"bo") }.into(),
                2 => Anchor { organisation, batch_root: digest, sequence, size_class: 0 }.into(),
                3 => grant(name, purpose).into(),
                4 => Revoke { grant: grant_id(once) }.into(),
                5 => {
                    let mut event = access(once, purpose, "bo");
                    event.nonce = [sequence as u8; 16];
                    event.into()
                }
                6 => Dropped { organisation, grant: grant_id(once), count: 1 }.into(),
                7 => {
                    let change = Remove { organisation: organisation.clone() }.into();
                    Propose { organisation: id("regulator"), change, nonce: [sequence as u8; 16] }.into()
                }
                8 => {
                    let change = Remove { organisation: organisation.clone() }.into();
                    let proposed =
                        Propose { organisation: id("regulator"), change, nonce: [sequence as u8; 16] };
                    Vote { organisation, proposal: proposed.id(), approve: sequence != 1 }.into()
                }
                9 => {
                    let vote = SignedVote::nullify(Signature([0; 64]));
                    let (misdeed, view) = (Misdeed::NullifyAndFinalize, 1);
                    let (first, second) = (vote.clone(), vote);
                    let contradiction = Contradiction { misdeed, epoch: sequence, view, first, second };
                    let validator = key("hospital-b").public();
                    Accuse { organisation, validator, contradiction }.into()
                }
                10 => {
                    let mut event = break_glass(name, "bo");
                    event.nonce = [sequence as u8; 16];
                    event.into()
                }
                11 => {
                    let event = break_glass("hospital-b", "bo").id();
                    let (reviewer, statement) = (sha256(b"cy"), digest);
                    Review { organisation, event, justified: true, reviewer, statement }.into()
                }
                12 => {
                    let mut order = order_erasure(name);
                    order.nonce = [sequence as u8; 16];
                    order.into()
                }
                13 => {
                    let erasure = order_erasure("hospital-a").id();
                    Erased { organisation, erasure, versions: 3, copies: 1 }.into()
                }
                14 => {
                    let (recovery, number) = (RecoveryId::of(&key(once).public()), sequence as u32);
                    StartRecovery { organisation, recovery, number, device: digest }.into()
                }
                15 => {
                    let (recovery, number) = (RecoveryId::of(&key(once).public()), sequence as u32);
                    CancelRecovery { recovery, number }.into()
                }
                16 => appoint("twice").into(),
                17 => EndAppointment { appointment: appointment_id(once) }.into(),
                18 if sequence == 1 => {
                    let grant = proxy_grant(&appointment_id(once), 0);
                    let act = ProxyRevoke { grant }.into();
                    ProxyAct { appointment: appointment_id(once), number: 1, act }.into()
                }
                18 => share_for(once, sequence as u32).into(),
                _ => AnchorLog { organisation, head: digest, entries: 1, sequence }.into(),
            }
        },
    );
    (0..6_usize, action)
}

const SIGNERS: [&str; 6] = ["hospital-a", "hospital-b", "insurer", "regulator", "once", "twice"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is tried in whatever order: contracts read only what they named, a refused transaction
    /// leaves no trace (both checked by `World::run`), nothing applies twice, no access follows a revoke,
    /// and the same history gives the same state.
    #[test]
    fn any_history_keeps_the_rules(history in prop::collection::vec(any_action(), 1..80)) {
        let (mut world, mut again) = (World::new(), World::new());
        let mut applied = Vec::new();
        let mut revoked = Vec::new();
        for (signer, action) in history {
            let transaction = world.sign(SIGNERS[signer], action);
            let outcome = world.run(&transaction);
            prop_assert_eq!(&outcome, &again.run(&transaction));
            if outcome.is_ok() {
                match &transaction.action {
                    Action::Revoke(revoke) => revoked.push(revoke.grant),
                    Action::Access(access) => prop_assert!(!revoked.contains(&access.grant)),
                    _ => {}
                }
                applied.push(transaction);
            }
        }
        for transaction in &applied {
            prop_assert!(world.run(transaction).is_err(), "{} applied twice", transaction.action.name());
        }
        prop_assert_eq!(world.state, again.state);
    }
}
