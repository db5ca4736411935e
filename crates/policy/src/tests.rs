//! The decision table, and that the embedded policies fit their schema.

use super::*;
use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use salus_types::category::Purpose;
use std::str::FromStr as _;

#[test]
fn every_policy_fits_the_schema() {
    let (schema, warnings) = Schema::from_cedarschema_str(rules::SCHEMA).expect("schema");
    assert_eq!(warnings.count(), 0);
    let result = Validator::new(schema).validate(policies().expect("policies"), ValidationMode::Strict);
    assert!(result.validation_passed(), "{:?}", result.validation_errors().collect::<Vec<_>>());
}

#[test]
fn a_policy_that_names_something_unknown_does_not_pass() {
    let (schema, _) = Schema::from_cedarschema_str(rules::SCHEMA).expect("schema");
    let planted =
        "permit (principal, action == Salus::Action::\"read\", resource) when { context.reasonGivn };";
    let planted = PolicySet::from_str(planted).expect("parses");
    assert!(!Validator::new(schema).validate(&planted, ValidationMode::Strict).validation_passed());
}

#[test]
fn every_policy_explains_itself() {
    let mut policies_count = 0;
    for policy in policies().expect("policies").policies() {
        policies_count += 1;
        for annotation in ["id", "reason"] {
            assert!(
                policy.annotation(annotation).is_some_and(|text| !text.is_empty()),
                "{annotation} of {policy}"
            );
        }
    }
    assert_eq!(policies_count, 33);
}

/// `role action kind [words] -> allowed, policy`. Words: `chart`, `asserted`, `allowed`, `reason`, `noscope`, a purpose,
/// and for shares `dead`, `other-patient`, `protected`, `named-me`, `named-other`, `granted:PURPOSE`.
fn check(line: &str) {
    let (question, answer) = line.split_once("->").expect("an arrow");
    let words: Vec<&str> = question.split_whitespace().collect();
    let [who, action, kind, rest @ ..] = words.as_slice() else { panic!("too short: {line}") };
    let has = |word: &str| rest.contains(&word);
    let principal = match Role::ALL.iter().find(|role| role.as_str() == *who) {
        Some(role) => Principal::Practitioner { id: "dr-bo", role: *role },
        None if *who == "app" => Principal::App { client: "diary" },
        None => Principal::System { client: "lab" },
    };
    let action = *Action::ALL.iter().find(|known| known.as_str() == *action).expect("action");
    let purpose = rest.iter().find_map(|word| word.parse().ok()).unwrap_or(Purpose::Treatment);
    let granted = rest.iter().find_map(|word| word.strip_prefix("granted:")?.parse().ok());
    let resource = match *kind {
        "share" => Resource::Share(ShareFacts {
            live: !has("dead"),
            purpose: granted.unwrap_or(purpose),
            of_this_patient: !has("other-patient"),
            protected: has("protected"),
            names_principal: if has("named-me") { Some(true) } else { has("named-other").then_some(false) },
        }),
        "node" => Resource::Node,
        kind => Resource::Records { kind, area: area_of(kind) },
    };
    let relation = match (has("chart"), has("asserted")) {
        _ if has("allowed") => Relation::Patient,
        (true, _) => Relation::Chart,
        (_, true) => Relation::Asserted,
        _ => Relation::None,
    };
    let circumstances = Circumstances {
        purpose,
        reason_given: has("reason"),
        chart_open: relation != Relation::None,
        relation,
        scopes_allow: !has("noscope"),
        restricted: has("restricted"),
    };
    let decision = decide(&Request { principal, action, resource, circumstances });
    let (allowed, policy) = answer.trim().split_once(' ').expect("an answer and a policy");
    assert_eq!(if decision.allowed { "allowed" } else { "denied" }, allowed, "{line}: {decision:?}");
    assert!(decision.reasons.iter().any(|reason| reason.policy == policy), "{line}: {decision:?}");
    assert!(decision.reasons.iter().all(|reason| !reason.text.is_empty()), "{line}: {decision:?}");
}

#[test]
fn clinicians_need_an_open_chart_a_reason_and_a_purpose_of_care() {
    check("clinician read Observation -> denied clinician-reads-an-open-chart");
    check("clinician read Observation chart -> denied clinician-reads-an-open-chart");
    check("clinician read Observation reason -> denied clinician-reads-an-open-chart");
    check("clinician read Observation chart reason -> allowed clinician-reads-an-open-chart");
    check("clinician search Condition asserted reason emergency -> allowed clinician-reads-an-open-chart");
    check("clinician read Observation chart reason research -> denied clinician-reads-an-open-chart");
    check("clinician read Observation chart reason public-health -> denied clinician-reads-an-open-chart");
    check("clinician read Observation chart reason noscope -> denied scopes-narrow-everybody");
    check("clinician read Patient -> denied clinician-reads-an-open-chart");
    check("clinician read Practitioner -> allowed clinician-reads-directories");
    check("clinician prove Observation chart reason -> allowed clinician-reads-an-open-chart");
    check("clinician write Observation chart reason -> allowed clinician-writes-in-an-open-chart");
    check("clinician write Observation chart reason payment -> denied clinician-writes-in-an-open-chart");
    check("clinician write Observation reason -> denied clinician-writes-in-an-open-chart");
    check("clinician write Organization -> denied clinician-writes-in-an-open-chart");
    check("clinician openChart node reason -> allowed clinician-opens-a-chart-with-a-reason");
    check("clinician openChart node -> denied clinician-opens-a-chart-with-a-reason");
    check("clinician openChart node reason research -> denied clinician-opens-a-chart-with-a-reason");
    check("clinician listPatients node -> allowed clinician-finds-patients");
    check("clinician locateRecords node reason -> allowed clinician-looks-for-records-elsewhere");
    check("clinician locateRecords node reason emergency -> allowed clinician-looks-for-records-elsewhere");
    check("clinician locateRecords node -> denied clinician-looks-for-records-elsewhere");
    check("clinician locateRecords node reason payment -> denied clinician-looks-for-records-elsewhere");
    check("clerk locateRecords node reason -> denied default");
    check("clinician viewAccessLog node -> denied default");
}

#[test]
fn records_of_many_patients_go_out_by_systems_alone_and_come_in_by_systems_and_stewards() {
    check("system export Observation -> allowed system-works-within-its-scopes");
    check("system export Bundle noscope -> denied scopes-narrow-everybody");
    check("clinician export Observation chart reason -> denied default");
    check("clerk export Patient -> denied default");
    check("steward export Observation -> denied steward-sees-no-records");
    check("app export Observation allowed -> denied default");
    check("system import Bundle -> allowed system-works-within-its-scopes");
    check("system import Bundle noscope -> denied scopes-narrow-everybody");
    check("steward import node -> allowed steward-brings-records-in");
    check("clinician import node -> denied default");
    check("clerk import node -> denied default");
}

#[test]
fn a_restricted_record_is_used_in_an_emergency_alone_and_goes_on_being_written() {
    check("clinician openChart node reason restricted -> denied record-is-restricted");
    check(
        "clinician openChart node reason emergency restricted -> allowed clinician-opens-a-chart-with-a-reason",
    );
    check("clinician read Observation chart reason restricted -> denied record-is-restricted");
    check("clinician search Observation asserted reason restricted -> denied record-is-restricted");
    check("clinician prove Observation chart reason restricted -> denied record-is-restricted");
    check("clinician useShare share chart reason restricted -> denied record-is-restricted");
    check("clinician requestAccess node reason restricted -> denied record-is-restricted");
    check("clinician locateRecords node reason restricted -> denied record-is-restricted");
    check(
        "clinician read Observation chart reason emergency restricted -> allowed clinician-reads-an-open-chart",
    );
    check("clinician write Observation chart reason restricted -> allowed clinician-writes-in-an-open-chart");
    check("system read Observation restricted -> denied record-is-restricted");
    check("system write Observation restricted -> allowed system-works-within-its-scopes");
}

#[test]
fn stewards_and_nobody_else_answer_what_patients_ask_for() {
    check("steward answerCases node -> allowed steward-answers-patients");
    check("clinician answerCases node -> denied default");
    check("clerk answerCases node -> denied default");
}

#[test]
fn clerks_see_who_a_person_is_and_nothing_clinical() {
    check("clerk search Patient -> allowed clerk-handles-demographics");
    check("clerk write Patient -> allowed clerk-handles-demographics");
    check("clerk read Observation -> denied clerk-handles-demographics");
    check("clerk read Observation chart reason -> denied clerk-handles-demographics");
    check("clerk write Bundle -> denied clerk-handles-demographics");
    check("clerk prove Patient -> denied default");
    check("clerk openChart node reason -> denied default");
    check("clerk useShare share chart reason -> denied default");
    check("clerk recover node -> allowed clerk-starts-recoveries");
    check("steward recover node -> allowed steward-starts-recoveries");
    check("clinician recover node -> denied default");
    check("clerk appointGuardian node -> allowed clerk-appoints-guardians");
    check("steward appointGuardian node -> allowed steward-appoints-guardians");
    check("clinician appointGuardian node -> denied default");
    check("clerk invite node -> allowed clerk-finds-and-invites-patients");
}

#[test]
fn stewards_see_no_record() {
    for action in ["read", "search", "write", "prove"] {
        for kind in ["Patient", "Observation", "Organization", "Bundle"] {
            check(&format!("steward {action} {kind} chart reason -> denied steward-sees-no-records"));
        }
    }
    check("steward useShare share chart reason -> denied steward-sees-no-records");
    check("steward openChart node reason -> denied steward-sees-no-records");
    check("steward viewNetwork node -> allowed steward-watches-the-network");
    check("steward viewAccessLog node -> allowed steward-watches-the-network");
}

#[test]
fn the_glass_is_broken_by_clinicians_in_an_emergency_and_reviewed_by_stewards() {
    check("clinician breakGlass node emergency reason -> allowed clinician-breaks-the-glass");
    check("clinician breakGlass node emergency -> denied clinician-breaks-the-glass");
    check("clinician breakGlass node treatment reason -> denied clinician-breaks-the-glass");
    check("steward reviewEmergency node operations -> allowed steward-reviews-emergencies");
    for who in ["clerk", "steward", "system"] {
        check(&format!("{who} breakGlass node emergency reason -> denied default"));
    }
    for who in ["clerk", "clinician", "system"] {
        check(&format!("{who} reviewEmergency node operations -> denied default"));
    }
}

#[test]
fn stewards_alone_speak_for_the_organisation() {
    check("steward govern node -> allowed steward-speaks-for-the-organisation");
    check("steward govern Observation -> denied default");
    for who in ["clinician", "clerk", "system"] {
        check(&format!("{who} govern node reason -> denied default"));
    }
}

#[test]
fn systems_stay_within_their_scopes_and_see_no_share() {
    check("system read Observation -> allowed system-works-within-its-scopes");
    check("system write Bundle -> allowed system-works-within-its-scopes");
    check("system read Observation noscope -> denied scopes-narrow-everybody");
    check("system useShare share chart reason -> denied system-sees-no-shares");
}

#[test]
fn an_app_reads_what_its_patient_allowed_and_nothing_else() {
    check("app read Observation allowed -> allowed app-reads-what-the-patient-allowed");
    check("app search Observation allowed -> allowed app-reads-what-the-patient-allowed");
    check("app read Observation -> denied app-reads-what-the-patient-allowed");
    check("app read Observation chart reason -> denied app-reads-what-the-patient-allowed");
    check("app read Observation allowed noscope -> denied scopes-narrow-everybody");
    check("app read Observation allowed restricted -> denied record-is-restricted");
    check("clinician read Observation allowed -> denied clinician-reads-an-open-chart");
    for action in ["write", "prove"] {
        check(&format!("app {action} Observation allowed -> denied default"));
    }
    check("app useShare share allowed -> denied default");
    check("steward decideOnApps node -> allowed steward-decides-on-apps");
    check("steward replaceCardKey node -> allowed steward-replaces-the-card-key");
    for who in ["clinician", "clerk", "system", "app"] {
        check(&format!("{who} decideOnApps node reason -> denied default"));
        check(&format!("{who} runFeeds node reason -> denied default"));
        check(&format!("{who} replaceCardKey node reason -> denied default"));
    }
    check("steward runFeeds node -> allowed steward-runs-feeds");
}

#[test]
fn a_share_is_used_while_live_for_its_patient_its_purpose_and_its_practitioner() {
    check("clinician useShare share chart reason -> allowed clinician-uses-a-live-share");
    check("clinician useShare share chart reason named-me -> allowed clinician-uses-a-live-share");
    check("clinician useShare share chart reason protected -> allowed clinician-uses-a-live-share");
    check("clinician useShare share chart reason payment -> allowed clinician-uses-a-live-share");
    check("clinician useShare share chart -> denied clinician-uses-a-live-share");
    check("clinician useShare share reason -> denied clinician-uses-a-live-share");
    check("clinician useShare share chart reason dead -> denied clinician-uses-a-live-share");
    check("clinician useShare share chart reason other-patient -> denied clinician-uses-a-live-share");
    check("clinician useShare share chart reason granted:research -> denied share-is-for-another-purpose");
    check("clinician useShare share chart reason named-other -> denied share-names-somebody-else");
    check(
        "clinician useShare share chart reason payment protected -> denied protected-categories-are-for-care",
    );
    check("clinician useShare share chart reason noscope -> denied scopes-narrow-everybody");
}

#[test]
fn an_action_on_the_wrong_kind_of_resource_is_denied() {
    check("clinician openChart Observation chart reason -> denied clinician-opens-a-chart-with-a-reason");
    check("clinician useShare Observation chart reason -> denied clinician-uses-a-live-share");
    check("clerk viewNetwork node -> denied default");
}

#[test]
fn a_decision_takes_microseconds() {
    let request = Request {
        principal: Principal::Practitioner { id: "dr-bo", role: Role::Clinician },
        action: Action::Read,
        resource: Resource::Records { kind: "Observation", area: Area::Clinical },
        circumstances: Circumstances {
            purpose: Purpose::Treatment,
            reason_given: true,
            chart_open: true,
            relation: Relation::Chart,
            scopes_allow: true,
            restricted: false,
        },
    };
    assert!(decide(&request).allowed);
    let began = std::time::Instant::now();
    for _ in 0..1_000 {
        assert!(std::hint::black_box(decide(&request)).allowed);
    }
    let each = began.elapsed() / 1_000;
    println!("one decision: {each:?}");
    assert!(each < std::time::Duration::from_millis(1), "{each:?}");
}
