use crate::Rejection;
use crate::testing::{World, id};
use salus_crypto::hash::sha256;
use salus_types::action::Anchor;
use salus_types::organisation::Class;

fn anchor(organisation: &str, sequence: u64) -> Anchor {
    Anchor { organisation: id(organisation), batch_root: sha256(b"batch"), sequence, size_class: 2 }
}

#[test]
fn only_the_named_organisation_anchors_and_only_if_it_keeps_records() {
    for (signer, named, expected) in [
        ("hospital-a", "hospital-a", Ok(())),
        ("hospital-b", "hospital-a", Err(Rejection::OtherOrganisation(id("hospital-a")))),
        ("regulator", "regulator", Err(Rejection::Class(Class::Regulator))),
        ("stranger", "hospital-a", Err(Rejection::NotAnOrganisation)),
    ] {
        assert_eq!(World::new().act(signer, anchor(named, 0)), expected, "{signer} for {named}");
    }
}

#[test]
fn a_number_is_used_once_by_each_organisation() {
    let mut world = World::new();
    assert_eq!(world.act("hospital-a", anchor("hospital-a", 4)), Ok(()));
    assert_eq!(
        world.act("hospital-a", anchor("hospital-a", 4)),
        Err(Rejection::Exists("an anchor with this number"))
    );
    assert_eq!(world.act("hospital-a", anchor("hospital-a", 3)), Ok(()));
    assert_eq!(world.act("hospital-b", anchor("hospital-b", 4)), Ok(()));
}
