//! `testdata/patient-vectors.json`: what the portal's TypeScript must agree with, byte for byte.
//!
//! Make it again, as an act of its own: `SALUS_WRITE_VECTORS=1 cargo test -p salus-vault vectors`.

use crate::combine::{AnchoredRoot, Collected, Roots};
use crate::patient::{OpenCompartment, Root, collect_release, keys_of, open_directories};
use crate::testing::{NETWORK, Person, World, id};
use crate::{PatientAnswer, open_envelope};
use commonware_codec::Encode as _;
use salus_crypto::hash::sha256;
use salus_types::category::Category;
use salus_types::label;
use salus_types::state::{AnchorEntry, key};
use salus_types::vault::{
    Directory, Letter, PatientAsk, PatientRequest, Release, SealedEnvelope, SourceNotice, Terms, VersionList,
};
use salus_types::{GrantId, RecoveryId, decode_canonical};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

const ROOT: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";
const TEXT: &str = r#"{"resourceType":"Observation","id":"o1","category":[{"coding":[{"code":"laboratory"}]}],"valueInteger":7}"#;

fn path() -> PathBuf {
    PathBuf::from("testdata/patient-vectors.json")
}

fn hex_of(value: &impl commonware_codec::Encode) -> String {
    hex::encode(value.encode())
}

fn bytes(vectors: &Value, name: &str) -> Vec<u8> {
    hex::decode(vectors[name].as_str().unwrap_or_else(|| panic!("{name}"))).expect("hex")
}

fn decoded<T: commonware_codec::Read<Cfg = ()> + commonware_codec::Encode>(vectors: &Value, name: &str) -> T {
    decode_canonical(&bytes(vectors, name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

async fn make() -> (Arc<World>, Value) {
    let world = World::new();
    world.open_all();
    let row = TEXT
        .strip_prefix(r#"{"resourceType":"Observation","id":"o1""#)
        .and_then(|rest| rest.strip_suffix('}'));
    world.outbox.push("Observation", "o1", "1", Some("p1"), row.expect("a row"));
    let root = Root::from_bytes(&ROOT);
    let pairwise = root.at(&id("hospital-a"));
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let directory = source.enrol_patient("p1", pairwise.signing.public(), &pairwise.kem.public().0).await;
    let directory = directory.expect("enrolled");
    world.settle().await;
    let found =
        open_directories(&pairwise, &NETWORK, world.member("hospital-a"), std::slice::from_ref(&directory));
    let labs =
        found.compartments.iter().find(|opened| opened.category == Category::Labs).expect("labs").clone();
    let now = world.time_ms();
    let custodian = world.vault("regulator").expect("open");
    let owner = pairwise.address;
    let list = custodian.custodian.versions_for_patient(owner).await.expect("a list");
    let versions: Vec<_> = list.versions.iter().map(|listed| listed.version).collect();
    let mut releases = Vec::new();
    let mut request = None;
    for to in ["hospital-b", "regulator"] {
        let asked = pairwise
            .sign_request(NETWORK, &id(to), PatientAsk::Release, now, versions.clone())
            .expect("signed");
        let answer = world.vault(to).expect("open").answer_patient(&asked).await.expect("answered");
        let PatientAnswer::Release(release) = answer else { panic!() };
        releases.push(json!({ "custodian": to, "nodeKey": world.member(to).node_key.to_string(), "release": hex_of(&*release) }));
        request = Some(asked);
    }
    let person = Person { root: root.clone(), compartments: found.compartments };
    let grant = world.make_grant(&person, 5, |_| {});
    let entry: AnchorEntry = world.entry(key::anchor(&id("hospital-a"), 0)).expect("anchored");
    let vectors = json!({
        "about": "made by crates/vault/src/tests/vectors.rs; binary is lower-case hex, canonical encodings",
        "network": NETWORK.to_string(),
        "root": hex::encode(ROOT),
        "source": "hospital-a",
        "sourceNodeKey": world.member("hospital-a").node_key.to_string(),
        "pairwisePublic": pairwise.signing.public().to_string(),
        "pairwiseSeed": hex::encode(*pairwise.signing.expose_seed()),
        "kemSeed": hex::encode(pairwise.kem.seed().expose()),
        "kemPublicSha256": sha256(pairwise.kem.public().0).to_string(),
        "address": pairwise.address.to_string(),
        "grantCounter": 5,
        "grantSeed": hex::encode(*grant.one_time.expose_seed()),
        "grant": grant.grant.to_string(),
        "recoverySeed": hex::encode(*root.recovery_key(&id("hospital-a"), 5).expose_seed()),
        "recovery": RecoveryId::of(&root.recovery_key(&id("hospital-a"), 5).public()).to_string(),
        "recoveryLocator": hex::encode(root.recovery_locator()),
        "termsSalt": hex::encode(root.terms_salt(&id("hospital-a"), 5)),
        "scopeSalt": hex::encode(root.scope_salt(&id("hospital-a"), 5)),
        "profileKey": hex::encode(root.profile_key().expose()),
        "cacheKey": hex::encode(root.cache_key().expose()),
        "directory": hex_of(&directory),
        "labsCompartment": labs.compartment.to_string(),
        "labsKey": hex::encode(labs.key.expose()),
        "versionList": hex_of(&list),
        "request": hex_of(&request.expect("made")),
        "releases": releases,
        "anchorRoot": entry.batch_root.to_string(),
        "anchorSizeClass": entry.size_class,
        "text": TEXT,
        "terms": hex_of(&grant.terms),
        "termsCommitment": grant.action.terms.to_string(),
        "scopeCommitment": grant.action.scope.to_string(),
        "granteeKemSeed": hex::encode(world.kem("hospital-b").seed().expose()),
        "sourceKemSeed": hex::encode(world.kem("hospital-a").seed().expose()),
        "letter": hex_of(&grant.letter),
        "notice": hex_of(&grant.notice),
        "grantTransaction": hex_of(&grant.transaction(NETWORK, 1_000)),
        "revokeTransaction": hex_of(&crate::patient::revoke(&root, NETWORK, &id("hospital-a"), 5, 1_000)),
    });
    (world, vectors)
}

/// Does what a patient's device, a grantee and a source do with them.
fn check(world: &World, vectors: &Value) {
    let root = Root::from_bytes(&bytes(vectors, "root").try_into().expect("32 bytes"));
    let pairwise = root.at(&id("hospital-a"));
    for (name, expected) in [
        ("pairwisePublic", pairwise.signing.public().to_string()),
        ("kemSeed", hex::encode(pairwise.kem.seed().expose())),
        ("kemPublicSha256", sha256(pairwise.kem.public().0).to_string()),
        ("address", pairwise.address.to_string()),
        ("grantSeed", hex::encode(*root.grant_key(&id("hospital-a"), 5).expose_seed())),
        ("recoverySeed", hex::encode(*root.recovery_key(&id("hospital-a"), 5).expose_seed())),
        ("recovery", RecoveryId::of(&root.recovery_key(&id("hospital-a"), 5).public()).to_string()),
        ("recoveryLocator", hex::encode(root.recovery_locator())),
        ("termsSalt", hex::encode(root.terms_salt(&id("hospital-a"), 5))),
        ("scopeSalt", hex::encode(root.scope_salt(&id("hospital-a"), 5))),
        ("profileKey", hex::encode(root.profile_key().expose())),
        ("cacheKey", hex::encode(root.cache_key().expose())),
    ] {
        assert_eq!(vectors[name].as_str(), Some(expected.as_str()), "{name}");
    }
    let source = world.member("hospital-a");
    let directory: Directory = decoded(vectors, "directory");
    let opened = open_directories(&pairwise, &NETWORK, source, &[directory]);
    assert_eq!(opened.rejected, 0);
    let labs = |opened: &&OpenCompartment| opened.compartment.to_string() == vectors["labsCompartment"];
    let labs = opened.compartments.iter().find(labs).expect("the compartment");
    assert_eq!(labs.key.expose().to_vec(), bytes(vectors, "labsKey"));

    let mut collected = Collected::default();
    for released in vectors["releases"].as_array().expect("a list") {
        let custodian = world.member(released["custodian"].as_str().expect("a name"));
        let release: Release = decoded(released, "release");
        collect_release(&mut collected, &pairwise.kem, &NETWORK, custodian, release).expect("opens");
    }
    let list: VersionList = decoded(vectors, "versionList");
    let anchored = AnchoredRoot {
        root: vectors["anchorRoot"].as_str().expect("hex").parse().expect("a digest"),
        size_class: vectors["anchorSizeClass"].as_u64().expect("a number") as u8,
    };
    let roots = Roots::from([((id("hospital-a"), 0), anchored)]);
    let version = list.versions[0].version;
    let found = collected.open(&version, &keys_of(&opened.compartments), &roots, &mut Vec::new());
    assert_eq!(vectors["text"].as_str().expect("text").as_bytes(), &**found.expect("opens").opened.bytes);

    let request: PatientRequest = decoded(vectors, "request");
    request
        .body
        .patient
        .verify(salus_types::namespace::PATIENT_REQUEST, &request.body.encode(), &request.signature)
        .expect("signed");
    let terms: Terms = decoded(vectors, "terms");
    let salt = root.terms_salt(&id("hospital-a"), 5);
    assert_eq!(vectors["termsCommitment"].as_str(), Some(terms.commitment(&salt).to_string().as_str()));
    let one_time = root.grant_key(&id("hospital-a"), 5).public();
    assert_eq!(terms.grant, GrantId::of(&one_time));
    let letter: SealedEnvelope = decoded(vectors, "letter");
    let plain = open_envelope(&letter, &one_time, &world.kem("hospital-b"), label::HPKE_LETTER, &NETWORK);
    let letter: Letter = decode_canonical(&plain.expect("opens")).expect("a letter");
    assert!(letter.terms == terms && letter.consent.is_by_owner(&terms));
    let notice: SealedEnvelope = decoded(vectors, "notice");
    let plain =
        open_envelope(&notice, &one_time, &world.kem("hospital-a"), label::HPKE_SOURCE_NOTICE, &NETWORK);
    let notice: SourceNotice = decode_canonical(&plain.expect("opens")).expect("a notice");
    assert!(notice.terms == terms && notice.terms_salt == salt);
}

#[tokio::test]
async fn vectors_of_the_file_hold() {
    let (world, fresh) = make().await;
    check(&world, &fresh);
    if std::env::var_os("SALUS_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(path().parent().expect("a folder")).expect("made");
        std::fs::write(path(), format!("{:#}\n", fresh)).expect("written");
    }
    let file = std::fs::read_to_string(path()).expect("the file");
    check(&world, &serde_json::from_str(&file).expect("json"));
}
