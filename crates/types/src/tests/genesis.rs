//! What a genesis and its parameters may be.

use super::*;

#[test]
fn genesis_rules_hold() {
    let broken = |change: fn(&mut Vec<Organisation>)| {
        let mut genesis = genesis();
        let mut organisations = genesis.organisations.to_vec();
        change(&mut organisations);
        genesis.organisations = list(organisations);
        genesis.check()
    };
    assert_eq!(genesis().check(), Ok(()));
    assert_eq!(broken(|all| all.reverse()), Err(GenesisError::Order));
    assert_eq!(broken(|all| all[1].node_key = all[0].node_key), Err(MembershipError::SharedKey.into()));
    assert_eq!(
        broken(|all| all[1].tls_certificate = all[0].tls_certificate),
        Err(MembershipError::SharedCertificate.into())
    );
    assert_eq!(
        broken(|all| all.iter_mut().for_each(|o| o.validator = false)),
        Err(MembershipError::NoValidator.into())
    );
    assert!(matches!(
        broken(|all| all[0].class = Class::Payer),
        Err(GenesisError::Membership(MembershipError::Custodian(..)))
    ));
    assert!(matches!(broken(|all| all[0].kem_key = list(vec![1])), Err(GenesisError::KemKey(_))));
}

#[test]
fn payers_and_makers_together_have_at_most_f_seats() {
    let with = |validators: usize, interested: usize| {
        let mut genesis = genesis();
        let sample = genesis.organisations[0].clone();
        let seat = |at: usize| Organisation {
            id: org(&format!("org-{at:02}")),
            class: match at {
                at if at >= interested => Class::Provider,
                at if at % 2 == 0 => Class::Payer,
                _ => Class::Manufacturer,
            },
            custodian: false,
            validator: true,
            node_key: signing_key(u8::try_from(at).unwrap() + 1).public(),
            tls_certificate: digest(u8::try_from(at).unwrap()),
            ..sample.clone()
        };
        let mut all: Vec<_> = (0..validators).map(seat).collect();
        // One without a seat counts for nothing.
        all.push(Organisation { class: Class::Payer, validator: false, ..seat(validators) });
        genesis.organisations = list(all);
        genesis.check()
    };
    for (validators, most) in [(1, 0), (3, 0), (4, 1), (6, 1), (7, 2), (10, 3), (13, 4)] {
        assert_eq!(with(validators, most), Ok(()), "{most} of {validators}");
        let found = most + 1;
        let expected = MembershipError::Interested { found, validators, most };
        assert_eq!(with(validators, found), Err(expected.into()), "{found} of {validators}");
    }
}

#[test]
fn parameters_outside_their_ranges_are_refused() {
    let with = |change: fn(&mut Parameters)| {
        let mut parameters = Parameters::default();
        change(&mut parameters);
        parameters.check().map_err(|error| error.name)
    };
    assert_eq!(with(|_| {}), Ok(()));
    assert_eq!(with(|p| p.transaction_lifetime_blocks_max = 0), Err("transaction_lifetime_blocks_max"));
    assert_eq!(with(|p| p.grant_period_ms_max = u64::MAX), Err("grant_period_ms_max"));
    assert_eq!(with(|p| p.block_transactions_max = 8_193), Err("block_transactions_max"));
    assert_eq!(with(|p| p.epoch_blocks = 3), Err("epoch_blocks"));
    assert_eq!(with(|p| p.voting_period_ms = 59_999), Err("voting_period_ms"));
    assert_eq!(with(|p| p.blocks_retained = 1_023), Err("blocks_retained"));
    assert_eq!(with(|p| p.epoch_blocks = 250_001), Err("blocks_retained"));
    assert_eq!(with(|p| p.protocol = 0), Err("protocol"));
}
