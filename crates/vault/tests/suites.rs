//! The library as nodes run it, without the second suite of its own tests.

use salus_crypto::{Digest, Secret32};
use salus_types::CompartmentId;
use salus_types::vault::{Content, SUITE_1};
use salus_vault::seal::{SealKey, UnsealError, seal, unseal};
use salus_vault::suite::{NEWEST, Suite};

#[test]
fn one_suite_is_known_and_every_other_is_refused_by_name() {
    let known: Vec<_> = (0..=u8::MAX).filter(|code| Suite::of(*code).is_some()).collect();
    assert_eq!(known, [SUITE_1]);
    let key = SealKey { compartment: CompartmentId(Digest::ZERO), epoch: 0, key: Secret32::random() };
    let mut sealed = seal(NEWEST, &key, Content::Fhir, b"{}").expect("small");
    assert!(unseal(&sealed.package, &key.key, &sealed.shares[..2]).is_ok());
    for code in (0..=u8::MAX).filter(|code| *code != SUITE_1) {
        sealed.package.header.suite = code;
        let refused = unseal(&sealed.package, &key.key, &sealed.shares[..2]).err();
        assert_eq!(refused, Some(UnsealError::Suite), "{code}");
    }
}
