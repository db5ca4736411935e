//! One sample of every type that is signed, hashed or sent: its encoding is pinned, canonical and robust.

mod genesis;

use crate::action::*;
use crate::block::{Block, Header, Receipt};
use crate::category::{Category, Purpose};
use crate::codec::{Bounded, Text, decode_canonical};
use crate::contradiction::{Contradiction, Misdeed, SignedVote};
use crate::emergency::EmergencyGround;
use crate::erasure::ErasureGround;
use crate::genesis::{Genesis, GenesisError, Parameters};
use crate::governance::*;
use crate::membership::{Member, MembershipError};
use crate::organisation::{Class, KEM_KEY_LENGTH, Organisation};
use crate::proof::{AnchorProof, AnchorProofs, BatchId, CertifiedHeader, Checkpoint, Handover, RecordProof};
use crate::proxy::ByProxy;
use crate::state::*;
use crate::transaction::{TRANSACTION_BYTES_MAX, Transaction};
use crate::vault::location_samples::*;
use crate::vault::proxy_samples::*;
use crate::vault::recovery_samples::*;
use crate::vault::*;
use crate::*;
use commonware_codec::{Encode, Read};
use proptest::prelude::*;
use salus_crypto::hash::sha256;
use salus_crypto::merkle::InclusionProof;
use std::fmt::Debug;

fn digest(n: u8) -> Digest {
    sha256([n])
}

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).expect("short enough")
}

fn list<T, const MAX: usize>(items: Vec<T>) -> Bounded<T, MAX> {
    Bounded::new(items).expect("few enough")
}

fn org(name: &str) -> OrganisationId {
    name.parse().expect("a short name")
}

fn signing_key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn organisation(name: &str, n: u8, class: Class) -> Organisation {
    Organisation {
        id: org(name),
        name: text(name),
        class,
        validator: true,
        custodian: class.may_be_custodian(),
        node_key: signing_key(n).public(),
        kem_key: list(vec![n; KEM_KEY_LENGTH]),
        tls_certificate: digest(n),
        ledger_address: text("127.0.0.1:7001"),
        peer_url: text("https://127.0.0.1:7002"),
        portal_url: text("https://localhost:7000"),
    }
}

fn genesis() -> Genesis {
    Genesis {
        name: text("sample"),
        time_ms: 1_800_000_000_000,
        parameters: Parameters::default(),
        organisations: list(vec![
            organisation("hospital-a", 1, Class::Provider),
            organisation("regulator", 2, Class::Regulator),
        ]),
    }
}

fn actions() -> Vec<Action> {
    let organisation = org("hospital-a");
    vec![
        RegisterPatient { address: Address(digest(1)) }.into(),
        RegisterPractitioner { commitment: digest(2) }.into(),
        Anchor { organisation: organisation.clone(), batch_root: digest(3), sequence: 7, size_class: 2 }
            .into(),
        Grant { terms: digest(4), scope: digest(5), expiry_ms: 1_900_000_000_000 }.into(),
        Revoke { grant: GrantId(digest(6)) }.into(),
        Access {
            grant: GrantId(digest(6)),
            scope_salt: [7; 32],
            purpose: Purpose::Treatment,
            versions_root: digest(8),
            count: 12,
            practitioner: digest(2),
            nonce: [9; 16],
        }
        .into(),
        Dropped { organisation: organisation.clone(), grant: GrantId(digest(6)), count: 12 }.into(),
        AnchorLog { organisation: organisation.clone(), head: digest(10), entries: 99, sequence: 3 }.into(),
        Propose { organisation: organisation.clone(), change: admission().into(), nonce: [9; 16] }.into(),
        Vote { organisation: organisation.clone(), proposal: ProposalId(digest(40)), approve: true }.into(),
        Accuse {
            organisation: organisation.clone(),
            validator: signing_key(2).public(),
            contradiction: contradiction(),
        }
        .into(),
        BreakGlass {
            organisation: organisation.clone(),
            target: digest(50),
            practitioner: digest(2),
            ground: EmergencyGround::CannotConsent,
            statement: digest(51),
            began_ms: Some(1_800_000_000_000),
            nonce: [9; 16],
        }
        .into(),
        Review {
            organisation: organisation.clone(),
            event: EmergencyId(digest(52)),
            justified: true,
            reviewer: digest(53),
            statement: digest(54),
        }
        .into(),
        StartRecovery {
            organisation: organisation.clone(),
            recovery: RecoveryId(digest(60)),
            number: 1,
            device: digest(61),
        }
        .into(),
        CancelRecovery { recovery: RecoveryId(digest(60)), number: 1 }.into(),
        OrderErasure {
            organisation: organisation.clone(),
            versions_root: digest(55),
            count: 12,
            ground: ErasureGround::PatientRequest,
            nonce: [9; 16],
        }
        .into(),
        Erased { organisation, erasure: ErasureId(digest(56)), versions: 12, copies: 3 }.into(),
        appoint().into(),
        end_appointment().into(),
        proxy_act().into(),
    ]
}

fn contradiction() -> Contradiction {
    let first = SignedVote::nullify(signing_key(2).sign("test", b"nullify"));
    let second =
        SignedVote { parent_view: 6, block: digest(41), signature: signing_key(2).sign("test", b"finalize") };
    Contradiction { misdeed: Misdeed::NullifyAndFinalize, epoch: 300, view: 7, first, second }
}

fn credential() -> PractitionerCredential {
    PractitionerCredential {
        organisation: org("hospital-b"),
        practitioner: text("p1"),
        name: text("Bo"),
        role: text("GP"),
        salt: [1; 32],
    }
}

fn emergency_package() -> EmergencyPackage {
    let statement = EmergencyStatement {
        network: genesis().network(),
        source: org("hospital-a"),
        compartment: CompartmentId(digest(20)),
        revision: 3,
        replaces: Some(CompartmentId(digest(21))),
        holders: list(vec![org("hospital-a"), org("regulator")]),
        share_commitments: list(vec![digest(22), digest(23)]),
        threshold: 2,
        ciphertext_digest: digest(24),
        made_ms: 5,
    };
    EmergencyPackage::sign(statement, list(vec![6; 40]), &signing_key(1))
}

fn emergency_ask() -> EmergencyAsk {
    EmergencyAsk {
        event: EmergencyId(digest(52)),
        salt: [7; 32],
        source: org("hospital-a"),
        compartment: CompartmentId(digest(20)),
    }
}

fn admission() -> Admit {
    let organisation = Organisation { validator: false, ..organisation("clinic", 3, Class::Provider) };
    let acceptance = accept(&genesis().network(), &organisation, &signing_key(3));
    Admit { organisation, acceptance }
}

fn changes() -> Vec<Change> {
    let organisation = org("clinic");
    vec![
        admission().into(),
        Update { organisation: admission().organisation, acceptance: admission().acceptance }.into(),
        SetClass { organisation: organisation.clone(), class: Class::Pharmacy }.into(),
        SetDuties { organisation: organisation.clone(), validator: true, custodian: false }.into(),
        Remove { organisation }.into(),
        SetParameters { parameters: Parameters::default() }.into(),
    ]
}

fn transaction(action: Action) -> Transaction {
    Transaction::sign(genesis().network(), &signing_key(1), 500, action)
}

fn header() -> Header {
    Header {
        version: 1,
        network: genesis().network(),
        height: 42,
        time_ms: 1_800_000_001_000,
        parent: digest(11),
        epoch: 0,
        view: 44,
        parent_view: 43,
        leader: signing_key(2).public(),
        transactions_root: digest(12),
        transactions: 1,
        receipts_root: digest(13),
        state_root: digest(14),
        sync_root: digest(15),
        sync_start: 16,
        sync_end: 17,
        next_validators: Digest::ZERO,
    }
}

fn package() -> SealedPackage {
    let header = PackageHeader {
        suite: SUITE_1,
        compartment: CompartmentId(digest(20)),
        epoch: 1,
        version: VersionId(digest(21)),
        content: Content::Fhir,
        key_commitment: [22; 32],
    };
    SealedPackage { header, ciphertext: list(vec![23; 90]) }
}

fn terms() -> Terms {
    Terms {
        network: genesis().network(),
        grant: GrantId(digest(6)),
        source: org("hospital-a"),
        grantee: org("hospital-b"),
        owner: Address(digest(1)),
        purpose: Purpose::Treatment,
        not_before_ms: 1,
        expiry_ms: 2,
        compartments: list(vec![CompartmentId(digest(20))]),
        future: true,
        practitioner: Some(digest(2)),
        scope_salt: [7; 32],
    }
}

fn envelope() -> SealedEnvelope {
    SealedEnvelope {
        encapsulation: list(vec![1; LINK_KEY_LENGTH]),
        ciphertext: list(vec![2; 40]),
        sender: signing_key(3).public(),
        signature: signing_key(3).sign("test", b"envelope"),
    }
}

fn batch_id() -> BatchId {
    BatchId { organisation: org("hospital-a"), sequence: 9 }
}

fn anchor_entry() -> AnchorEntry {
    AnchorEntry { batch_root: digest(3), size_class: 2, height: 4, time_ms: 5 }
}

fn anchor_proofs() -> AnchorProofs {
    let anchor = AnchorProof { batch: batch_id(), entry: anchor_entry(), proof: list(vec![36; 200]) };
    AnchorProofs {
        anchors: list(vec![anchor]),
        block: CertifiedHeader { headers: list(vec![header()]), certificate: list(vec![35; 300]) },
    }
}

fn record_proof() -> RecordProof {
    let AnchorProofs { anchors, block } = anchor_proofs();
    RecordProof {
        package: package().header,
        ciphertext_digest: digest(32),
        plaintext_digest: digest(33),
        r: [34; 64],
        batch_path: InclusionProof { index: 3, size: 64, path: vec![digest(30), digest(31)] },
        anchor: anchors.into_inner().remove(0),
        block,
    }
}

/// Calls `$check` with a name and one value of every type.
macro_rules! for_every_type {
    ($check:ident) => {
        $check("Genesis", &genesis());
        for action in actions() {
            $check(action.name(), &transaction(action.clone()));
        }
        for change in changes() {
            $check(&format!("Change::{}", change.name()), &change);
        }
        for act in acts() {
            $check(&format!("Act::{}", act.name()), &act);
        }
        $check(
            "OrganisationEntry",
            &OrganisationEntry { organisation: admission().organisation, slot: 2, since: 3 },
        );
        $check(
            "RosterPage",
            &RosterPage { slots: list(vec![Some(Member::from(&genesis().organisations[0])), None]) },
        );
        $check("OpenProposals", &OpenProposals { made: 2, open: list(vec![ProposalId(digest(40))]) });
        $check(
            "ProposalEntry",
            &ProposalEntry {
                number: 1,
                change: admission().into(),
                proposer: org("hospital-a"),
                height: 2,
                closes_ms: 3,
                approvals: [4; 32],
                refusals: [5; 32],
                outcome: Outcome::Open,
                decided: Some(6),
            },
        );
        $check(
            "EmergencyEntry",
            &EmergencyEntry {
                number: 1,
                organisation: org("hospital-b"),
                target: digest(50),
                practitioner: digest(2),
                ground: EmergencyGround::CannotConsent,
                statement: digest(51),
                began_ms: Some(2),
                height: 3,
                time_ms: 4,
                access_until_ms: 5,
                review_due_ms: 6,
            },
        );
        $check(
            "ReviewEntry",
            &ReviewEntry {
                justified: true,
                reviewer: digest(53),
                statement: digest(54),
                late: true,
                height: 3,
                time_ms: 4,
            },
        );
        $check(
            "ErasureEntry",
            &ErasureEntry {
                number: 1,
                organisation: org("hospital-a"),
                versions_root: digest(55),
                count: 12,
                ground: ErasureGround::Unlawful,
                height: 3,
                time_ms: 4,
                receipts_due_ms: 5,
            },
        );
        $check("ErasedEntry", &ErasedEntry { versions: 12, copies: 3, late: true, height: 4, time_ms: 5 });
        $check(
            "ErasureNotice",
            &ErasureNotice {
                network: genesis().network(),
                source: org("hospital-a"),
                erasure: ErasureId(digest(56)),
                salt: [7; 32],
                versions: list(vec![VersionId(digest(57)), VersionId(digest(58))]),
            },
        );
        $check(
            "RecoveryEntry",
            &RecoveryEntry {
                organisation: org("hospital-a"),
                device: digest(61),
                height: 3,
                time_ms: 4,
                ready_ms: 5,
                cancelled: Some(6),
            },
        );
        $check(
            "FaultEntry",
            &FaultEntry {
                number: 1,
                organisation: org("regulator"),
                validator: signing_key(2).public(),
                misdeed: Misdeed::NullifyAndFinalize,
                epoch: 300,
                view: 7,
                accuser: org("hospital-a"),
                height: 4,
                time_ms: 5,
            },
        );
        $check(
            "Handover",
            &Handover {
                block: CertifiedHeader { headers: list(vec![header()]), certificate: list(vec![35; 300]) },
                validators: list(vec![signing_key(1).public(), signing_key(2).public()]),
            },
        );
        $check(
            "Checkpoint",
            &Checkpoint {
                network: genesis().network(),
                epoch: 3,
                height: header().height,
                header: header().digest(),
                validators: list(vec![signing_key(1).public(), signing_key(2).public()]),
            },
        );
        $check("Header", &header());
        $check(
            "Block",
            &Block { header: header(), transactions: list(actions().into_iter().map(transaction).collect()) },
        );
        $check("Receipt", &Receipt { transaction: TransactionId(digest(1)), entry: StateKey(digest(2)) });
        $check("PatientEntry", &PatientEntry { organisation: org("hospital-a"), height: 3 });
        $check("PractitionerEntry", &PractitionerEntry { organisation: org("hospital-a"), height: 3 });
        $check("AnchorEntry", &anchor_entry());
        $check(
            "GrantEntry",
            &GrantEntry {
                terms: digest(4),
                scope: digest(5),
                expiry_ms: 6,
                height: 7,
                revoked: Some(8),
                accesses: 9,
                by_proxy: Some(ByProxy { appointment: appointment(), mandate: digest(10) }),
            },
        );
        $check("AppointmentEntry", &appointment_entry());
        $check("ActEntry", &act_entry());
        $check("SignedMandate", &mandate());
        $check("Consent", &consent_for(&terms()));
        $check("ProxyRequest", &proxy_request());
        $check("ProxyKeys", &proxy_keys());
        $check("GuardianAnswer", &guardian_answer());
        $check(
            "AccessEntry",
            &AccessEntry {
                grant: GrantId(digest(6)),
                organisation: org("hospital-b"),
                purpose: Purpose::Emergency,
                versions_root: digest(8),
                count: 1,
                practitioner: digest(2),
                height: 3,
                time_ms: 4,
            },
        );
        $check("DroppedEntry", &DroppedEntry { count: 1, height: 2 });
        $check("LogEntry", &LogEntry { head: digest(1), entries: 2, height: 3 });
        $check("PractitionerCredential", &credential());
        $check("SealedPackage", &package());
        $check(
            "PatientLink",
            &PatientLink {
                network: genesis().network(),
                source: org("hospital-a"),
                owner: Address(digest(1)),
                number: 0,
                encapsulation: list(vec![1; LINK_KEY_LENGTH]),
                signature: signing_key(1).sign("test", b"link"),
            },
        );
        $check(
            "CompartmentRecord",
            &CompartmentRecord {
                statement: CompartmentStatement {
                    network: genesis().network(),
                    compartment: CompartmentId(digest(20)),
                    source: org("hospital-a"),
                    epoch: 1,
                    predecessor: Some(CompartmentId(digest(19))),
                    owner: Some(Address(digest(1))),
                    link: 0,
                    wrapped: list(vec![5; WRAPPED_KEY_LENGTH]),
                    revision: 2,
                },
                signature: signing_key(1).sign("test", b"compartment"),
            },
        );
        $check(
            "CustodyBatch",
            &CustodyBatch {
                body: CustodyBatchBody {
                    link: OrganisationLink {
                        network: genesis().network(),
                        from: org("hospital-a"),
                        to: org("hospital-b"),
                        day: 20_000,
                        encapsulation: list(vec![1; LINK_KEY_LENGTH]),
                    },
                    sequence: 7,
                    generation: 4,
                    base: 2,
                    leaves: list(vec![digest(1), digest(2)]),
                    items: list(vec![CustodyItem {
                        leaf: 0,
                        package: package(),
                        share_index: 1,
                        share_commitments: [digest(1), digest(2), digest(3)],
                        sealed_share: [4; 48],
                    }]),
                },
                signature: signing_key(1).sign("test", b"batch"),
            },
        );
        $check(
            "SourceRequest",
            &SourceRequest::sign(
                SourceRequestBody {
                    network: genesis().network(),
                    source: org("hospital-a"),
                    audience: org("regulator"),
                    ask: SourceAsk::Release,
                    sequence: 7,
                    generation: 4,
                    time_ms: 5,
                    nonce: [6; 16],
                    versions: list(vec![VersionId(digest(21))]),
                },
                &signing_key(1),
            ),
        );
        $check(
            "GivenBack",
            &GivenBack {
                nonce: [6; 16],
                newest: Some(4),
                damaged: list(vec![DamagedBatch { sequence: 8, generation: 1 }]),
                shares: list(vec![ReleasedShare {
                    version: VersionId(digest(21)),
                    index: 2,
                    value: [3; 32],
                }]),
            },
        );
        $check(
            "Destroyed",
            &Destroyed {
                network: genesis().network(),
                custodian: org("regulator"),
                source: org("hospital-a"),
                sequence: 7,
                generation: 4,
                time_ms: 5,
                signature: Signature([0; 64]),
            }
            .signed(&signing_key(2)),
        );
        $check("EmergencyParcel", &EmergencyParcel { package: emergency_package(), share: Some(envelope()) });
        $check(
            "EmergencyShare",
            &EmergencyShare { compartment: CompartmentId(digest(20)), index: 3, value: [4; 32] },
        );
        $check("EmergencyAsk", &emergency_ask());
        $check("EmergencyRelease", &EmergencyRelease { share: envelope(), package: emergency_package() });
        $check(
            "EmergencyNotice",
            &EmergencyNotice {
                ask: emergency_ask(),
                account: Some(EmergencyAccount {
                    credential: credential(),
                    salt: [1; 32],
                    words: text("found on the street"),
                }),
            },
        );
        $check(
            "EmergencyFind",
            &EmergencyFind {
                family: text("lind"),
                given: text("kai"),
                birth_date: text("1970-01-01"),
                sex: text("male"),
            },
        );
        $check(
            "EmergencyFound",
            &EmergencyFound {
                compartment: CompartmentId(digest(20)),
                holders: list(vec![org("hospital-a"), org("regulator")]),
                threshold: 2,
            },
        );
        $check(
            "LocationBlinded",
            &LocationBlinded {
                network: genesis().network(),
                holder: org("hospital-a"),
                elements: list(vec![[1; 32], [2; 32]]),
            },
        );
        $check(
            "LocationEvaluated",
            &LocationEvaluated { key: [3; 32], elements: list(vec![[1; 32], [2; 32]]), proof: [4; 64] },
        );
        $check("LocationAsk", &location_ask());
        $check(
            "LocationAnswer",
            &LocationAnswer { ask: location_ask().digest(), held: true, signature: Signature([0; 64]) }
                .signed(&signing_key(2)),
        );
        $check("Terms", &terms());
        $check(
            "Letter",
            &Letter {
                terms: terms(),
                terms_salt: [1; 32],
                consent: Consent::sign(&terms(), &signing_key(4)),
                patient: text("p-1"),
                keys: list(vec![CompartmentKey {
                    compartment: CompartmentId(digest(20)),
                    category: Category::Labs,
                    key: [2; 32],
                }]),
            },
        );
        $check(
            "SourceNotice",
            &SourceNotice {
                terms: terms(),
                terms_salt: [1; 32],
                consent: Consent::sign(&terms(), &signing_key(4)),
            },
        );
        $check("SealedEnvelope", &envelope());
        $check(
            "PatientRequest",
            &PatientRequest {
                body: PatientRequestBody {
                    network: genesis().network(),
                    audience: org("regulator"),
                    ask: PatientAsk::Release,
                    patient: signing_key(4).public(),
                    kem_key: list(vec![1; KEM_KEY_LENGTH]),
                    time_ms: 5,
                    nonce: [6; 16],
                    versions: list(vec![VersionId(digest(21))]),
                },
                signature: signing_key(4).sign("test", b"request"),
            },
        );
        $check(
            "VersionList",
            &VersionList {
                versions: list(vec![ListedVersion {
                    compartment: CompartmentId(digest(20)),
                    version: VersionId(digest(21)),
                }]),
            },
        );
        $check(
            "ReleaseForGrant",
            &ReleaseForGrant {
                access: AccessId(digest(1)),
                terms: terms(),
                terms_salt: [1; 32],
                consent: Consent::sign(&terms(), &signing_key(4)),
                versions: list(vec![VersionId(digest(21))]),
                packages: true,
            },
        );
        $check(
            "ReleaseAsk",
            &ReleaseAsk {
                terms: terms(),
                terms_salt: [1; 32],
                consent: Consent::sign(&terms(), &signing_key(4)),
            },
        );
        $check("ReleasedShare", &ReleasedShare { version: VersionId(digest(21)), index: 2, value: [3; 32] });
        $check(
            "Release",
            &Release {
                shares: envelope(),
                versions: list(vec![ReleasedVersion {
                    package: package(),
                    source: org("hospital-a"),
                    sequence: 7,
                    path: InclusionProof { index: 3, size: 64, path: vec![digest(30)] },
                }]),
            },
        );
        $check(
            "EnrolmentRequest",
            &EnrolmentRequest {
                network: genesis().network(),
                organisation: org("hospital-a"),
                invite: text("ABCD"),
                patient: signing_key(4).public(),
                kem_key: list(vec![1; KEM_KEY_LENGTH]),
                signature: signing_key(4).sign("test", b"enrol"),
            },
        );
        $check(
            "CaseLetter",
            &CaseLetter {
                network: genesis().network(),
                organisation: org("hospital-a"),
                patient: signing_key(4).public(),
                kem_key: list(vec![1; KEM_KEY_LENGTH]),
                time_ms: 1_800_000_000_000,
                nonce: [9; 16],
                text: text(r#"{"ask":"list"}"#),
                mandate: Some(mandate()),
                signature: Signature([0; 64]),
            }
            .signed(&signing_key(4)),
        );
        $check("KeyStore", &crate::keystore::tests::store());
        $check("KeyStoreSecrets", &crate::keystore::tests::secrets());
        $check("RecoveryShare", &recovery_share());
        $check("RecoveryDeposit", &recovery_deposit());
        $check("RecoveryAsk", &recovery_ask());
        $check("Rekey", &rekey());
        $check("RecoveryLetter", &RecoveryLetter::from(recovery_ask()));
        $check(
            "EnrolmentAnswer",
            &EnrolmentAnswer {
                patient: text("p-1"),
                name: text("Ann"),
                directory: Directory { links: list(vec![]), compartments: list(vec![]) },
            },
        );
        $check("BatchId", &batch_id());
        $check("AnchorProofs", &anchor_proofs());
        $check("RecordProof", &record_proof());
    };
}

/// The pinned hashes. A changed byte format is an explicit act: run with `SALUS_PIN=1` and commit the file alone.
#[test]
fn encodings_are_those_that_are_pinned() {
    thread_local!(static LINES: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) });
    fn pin<T: Encode>(name: &str, value: &T) {
        let line = format!("{name} {}\n", sha256(value.encode()));
        LINES.with_borrow_mut(|lines| lines.push_str(&line));
    }
    for_every_type!(pin);
    is_pinned("conformance.txt", &LINES.take());
}

/// The encodings themselves, by type: where the fuzzer begins (`crates/fuzz`).
#[test]
fn the_fuzzer_begins_with_these_encodings() {
    thread_local!(static LINES: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) });
    fn pin<T: Encode>(_: &str, value: &T) {
        let digits: String = value.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        let kind = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
        LINES.with_borrow_mut(|lines| lines.push_str(&format!("{kind} {digits}\n")));
    }
    for_every_type!(pin);
    is_pinned("samples.txt", &LINES.take());
}

fn is_pinned(file: &str, found: &str) {
    if std::env::var_os("SALUS_PIN").is_some() {
        std::fs::write(file, found).expect("the file is writable");
    }
    let pinned = std::fs::read_to_string(file).expect("the pinned file is there");
    let other = found.lines().zip(pinned.lines()).find(|(found, pinned)| found != pinned);
    assert!(found == pinned, "{file} pins other encodings: {other:?}");
}

#[test]
fn every_type_decodes_to_what_was_encoded() {
    fn check<T: Encode + Read<Cfg = ()> + PartialEq + Debug>(name: &str, value: &T) {
        let decoded: T = decode_canonical(&value.encode()).expect(name);
        assert_eq!(&decoded, value);
    }
    for_every_type!(check);
}

/// The types that hold a key, a salt, a name or a code.
const SECRET: &[&str] = &[
    "PractitionerCredential",
    "Terms",
    "Letter",
    "SourceNotice",
    "ReleaseForGrant",
    "ReleaseAsk",
    "ReleasedShare",
    "GivenBack",
    "EnrolmentRequest",
    "EnrolmentAnswer",
    "CaseLetter",
    "SignedMandate",
    "ProxyRequest",
    "GuardianAnswer",
    "RecordProof",
    "EmergencyShare",
    "EmergencyAsk",
    "EmergencyNotice",
    "EmergencyFind",
    "LocationAsk",
    "RecoveryShare",
    "RecoveryDeposit",
    "RecoveryAsk",
    "Rekey",
    "KeyStoreSecrets",
];

#[test]
fn what_holds_a_secret_shows_nothing_but_its_name() {
    thread_local!(static SEEN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) });
    fn check<T: Debug>(name: &str, value: &T) {
        let redacted = format!("{name}([redacted])");
        let (shown, secret) = (format!("{value:?} {value:#?}"), SECRET.contains(&name));
        assert_eq!(shown == format!("{redacted} {redacted}"), secret, "{shown}");
        SEEN.set(SEEN.get() + usize::from(secret));
    }
    for_every_type!(check);
    assert_eq!(SEEN.get(), SECRET.len());
    let envelope = format!("{:?}", Release { shares: envelope(), versions: list(vec![]) });
    assert!(!envelope.contains("redacted"), "what is sealed may be shown");
}

#[test]
fn a_damaged_encoding_is_refused_or_is_another_value() {
    fn check<T: Encode + Read<Cfg = ()> + PartialEq + Debug>(name: &str, value: &T) {
        let bytes = value.encode();
        let positions = (0..bytes.len()).filter(|position| bytes.len() < 1_500 || position % 7 == 0);
        for position in positions {
            assert!(decode_canonical::<T>(&bytes[..position]).is_err(), "{name} cut at {position}");
            let mut damaged = bytes.to_vec();
            damaged[position] ^= 1 << (position % 8);
            if let Ok(other) = decode_canonical::<T>(&damaged) {
                assert_ne!(&other, value, "{name} changed at {position}");
            }
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(decode_canonical::<T>(&longer).is_err(), "{name} with a byte more");
    }
    for_every_type!(check);
}

#[test]
fn a_transaction_fits_its_limit_and_a_header_has_its_length() {
    for action in actions() {
        assert!(transaction(action).encode().len() <= TRANSACTION_BYTES_MAX);
    }
    let full = Organisation {
        id: org(&"x".repeat(32)),
        name: text(&"x".repeat(128)),
        ledger_address: text(&"x".repeat(128)),
        peer_url: text(&"x".repeat(256)),
        portal_url: text(&"x".repeat(256)),
        ..admission().organisation
    };
    let (organisation, acceptance) = (full.id.clone(), admission().acceptance);
    let longest = Propose {
        organisation: organisation.clone(),
        change: Admit { organisation: full.clone(), acceptance }.into(),
        nonce: [0; 16],
    };
    assert!(transaction(longest.clone().into()).encode().len() <= TRANSACTION_BYTES_MAX);
    let entry = ProposalEntry {
        number: 0,
        change: longest.change,
        proposer: organisation,
        height: 0,
        closes_ms: 0,
        approvals: [0; 32],
        refusals: [0; 32],
        outcome: Outcome::Open,
        decided: Some(0),
    };
    let seat = Some(Member::from(&full));
    let page = RosterPage { slots: list(vec![seat; ROSTER_PAGE_SLOTS]) };
    assert!(entry.encode().len().max(page.encode().len()) <= STATE_VALUE_BYTES_MAX);
    assert_eq!(header().encode().len(), Header::LENGTH);
}

#[test]
fn a_length_that_is_not_in_its_shortest_form_is_refused() {
    let short = Text::<64>::new("a").expect("short").encode();
    assert_eq!(&short[..], [1, b'a']);
    assert!(decode_canonical::<Text<64>>(&[0x81, 0x00, b'a']).is_err());
}

#[test]
fn an_organisation_accepts_its_own_entry_in_one_network_only() {
    let (network, admission) = (genesis().network(), admission());
    assert!(accepts(&network, &admission.organisation, &admission.acceptance));
    assert!(!accepts(&NetworkId(digest(1)), &admission.organisation, &admission.acceptance));
    let other = Organisation { custodian: false, ..admission.organisation };
    assert!(!accepts(&network, &other, &admission.acceptance));
}

#[test]
fn batches_have_four_sizes() {
    for (versions, class) in
        [(0, Some(0)), (64, Some(0)), (65, Some(1)), (1_024, Some(2)), (4_096, Some(3)), (4_097, None)]
    {
        assert_eq!(size_class(versions), class, "{versions}");
    }
    assert_eq!(
        (0..5).map(batch_size).collect::<Vec<_>>(),
        [Some(64), Some(256), Some(1_024), Some(4_096), None]
    );
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let key =
        CompartmentKey { compartment: CompartmentId(digest(1)), category: Category::Hiv, key: [0xab; 32] };
    let shown = format!("{key:?}");
    assert!(!shown.contains("171") && !shown.contains("ab, ab") && !shown.to_lowercase().contains("hiv"));
}

proptest! {
    /// Whatever bytes arrive: no panic, and what decodes is canonical.
    #[test]
    fn any_bytes_decode_canonically_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fn check<T: Encode + Read<Cfg = ()>>(bytes: &[u8]) {
            if let Ok(value) = decode_canonical::<T>(bytes) {
                assert_eq!(&value.encode()[..], bytes);
            }
        }
        check::<Transaction>(&bytes);
        check::<Block>(&bytes);
        check::<PatientRequest>(&bytes);
        check::<CustodyBatch>(&bytes);
        check::<Release>(&bytes);
        check::<AnchorProofs>(&bytes);
        check::<RecordProof>(&bytes);
        check::<Letter>(&bytes);
    }
}
