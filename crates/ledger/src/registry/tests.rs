use crate::Rejection;
use crate::testing::{World, key};
use salus_crypto::hash::sha256;
use salus_types::Address;
use salus_types::action::{RegisterPatient, RegisterPractitioner};
use salus_types::organisation::Class;

fn patient(name: &str) -> RegisterPatient {
    RegisterPatient { address: Address::of(&key(name).public()) }
}

#[test]
fn only_organisations_that_keep_records_register_patients() {
    for (signer, expected) in [
        ("hospital-a", Ok(())),
        ("insurer", Ok(())),
        ("regulator", Err(Rejection::Class(Class::Regulator))),
        ("stranger", Err(Rejection::NotAnOrganisation)),
    ] {
        assert_eq!(World::new().act(signer, patient("ann")), expected, "{signer}");
    }
}

#[test]
fn an_address_is_registered_once() {
    let mut world = World::new();
    assert_eq!(world.act("hospital-a", patient("ann")), Ok(()));
    assert_eq!(world.act("hospital-a", patient("ann")), Err(Rejection::Exists("the address")));
    assert_eq!(world.act("hospital-b", patient("ann")), Err(Rejection::Exists("the address")));
    assert_eq!(world.act("hospital-b", patient("bob")), Ok(()));
}

#[test]
fn a_practitioner_is_registered_once_and_only_by_an_organisation() {
    let mut world = World::new();
    let bo = RegisterPractitioner { commitment: sha256(b"bo") };
    assert_eq!(world.act("stranger", bo.clone()), Err(Rejection::NotAnOrganisation));
    assert_eq!(world.act("hospital-b", bo.clone()), Ok(()));
    assert_eq!(world.act("hospital-a", bo), Err(Rejection::Exists("the practitioner")));
}
