//! What may be written.
//!
//! Clients never write an imported copy, nor the label of one, nor a search parameter (it would change what
//! the guard's own narrowing means), nor an AuditEvent (the node's log is none of theirs), nor a Consent that poses as a
//! grant (patients decide, and the ledger keeps it). Within one patient's scope both the stored and the new version must be
//! about that patient.

use helios_persistence::{StorageResult, StoredResource, core::ResourceStorage};
use serde_json::{Value, json};

use super::Guarded;
use crate::{
    compartment,
    principal::{self, Principal, Scope},
    shares, store,
};

const FLAG_SYSTEM: &str = "https://salus.network/fhir/validation";
const FLAG_CODE: &str = "flagged";

/// Why a write is refused, without saying what is stored.
pub(super) type Refusal = &'static str;

/// Whether `principal` may address `id` of `resource_type` with a write at all.
pub(super) fn may_address(principal: &Principal, resource_type: &str, id: &str) -> Result<(), Refusal> {
    if principal.write == Scope::None {
        Err("write")
    } else if shares::is_copy(id) {
        Err("write of an imported copy")
    } else if resource_type == "SearchParameter" {
        Err("write of a search parameter")
    } else if resource_type == "AuditEvent" {
        Err("write of the access log, which the node alone writes")
    } else if resource_type == "Subscription" {
        // The gateway keeps them; one in here, by way of a bundle, would never tell anybody anything.
        Err("write of a subscription")
    } else {
        Ok(())
    }
}

/// Whether `principal` may leave `resource` in the store under `id` (empty when the store chooses it).
pub(super) fn may_store(
    principal: &Principal,
    resource_type: &str,
    id: &str,
    resource: &Value,
) -> Result<(), Refusal> {
    may_address(principal, resource_type, id)?;
    may_address(principal, resource_type, resource.get("id").and_then(Value::as_str).unwrap_or_default())?;
    if shares::is_labelled(resource) {
        return Err("write of the label of an imported copy");
    }
    if resource_type == "Consent" && is_grant(id, resource) {
        return Err("write of a grant, which patients give and end on their own devices");
    }
    match &principal.write {
        Scope::Patient(patient) if compartment::patient_of(resource_type, id, resource) != Some(patient) => {
            Err("write outside the patient's record")
        }
        _ => Ok(()),
    }
}

/// Whether a Consent poses as a grant: by its id, or by a policy of this network.
fn is_grant(id: &str, consent: &Value) -> bool {
    let policies = consent.get("policy").and_then(Value::as_array).into_iter().flatten();
    let mut named = policies.filter_map(|policy| policy.get("uri")?.as_str());
    id.starts_with("grant-") || named.any(|uri| uri.starts_with("https://salus.network/"))
}

impl Guarded {
    /// Checks a new version, and the one it replaces where the scope is one patient.
    pub(super) async fn check_store(
        &self,
        resource_type: &str,
        id: &str,
        resource: &Value,
    ) -> StorageResult<()> {
        let principal = principal::current()?;
        may_store(&principal, resource_type, id, resource).map_err(principal::forbidden)?;
        self.check_replaced(&principal, resource_type, id).await
    }

    /// Checks a deletion.
    pub(super) async fn check_delete(&self, resource_type: &str, id: &str) -> StorageResult<()> {
        let principal = principal::current()?;
        may_address(&principal, resource_type, id).map_err(principal::forbidden)?;
        self.check_replaced(&principal, resource_type, id).await
    }

    /// Within one patient's scope, what is there must be about that patient.
    pub(super) async fn check_replaced(
        &self,
        principal: &Principal,
        resource_type: &str,
        id: &str,
    ) -> StorageResult<()> {
        let Scope::Patient(patient) = &principal.write else { return Ok(()) };
        if id.is_empty() {
            return Ok(());
        }
        let about = |stored: &StoredResource| {
            compartment::patient_of(resource_type, id, stored.content()) == Some(patient)
        };
        match self.inner().read(&store::tenant(), resource_type, id).await {
            Ok(stored) if stored.as_ref().is_none_or(about) => Ok(()),
            _ => Err(principal::forbidden("write outside the patient's record")),
        }
    }

    /// Tags what a feed wrote and the validator refuses, and takes the tag off what is right by now.
    pub(super) async fn flag(&self, resource: &mut Value) -> StorageResult<()> {
        if !principal::current()?.flag_invalid {
            return Ok(());
        }
        let refused = self.validation.refuses(resource).await;
        set_flag(resource, refused);
        Ok(())
    }
}

fn set_flag(resource: &mut Value, flagged: bool) {
    let is_flag = |tag: &Value| tag.get("system").and_then(Value::as_str) == Some(FLAG_SYSTEM);
    if let Some(tags) = resource.pointer_mut("/meta/tag").and_then(Value::as_array_mut) {
        tags.retain(|tag| !is_flag(tag));
    }
    if !flagged {
        return;
    }
    let flag = json!({"system": FLAG_SYSTEM, "code": FLAG_CODE});
    match resource.pointer_mut("/meta/tag").and_then(Value::as_array_mut) {
        Some(tags) => tags.push(flag),
        // `meta` or `meta.tag` may be of a wrong kind: that is what the flag says, so it is replaced.
        None => match resource.get_mut("meta").and_then(Value::as_object_mut) {
            Some(meta) => drop(meta.insert("tag".to_owned(), json!([flag]))),
            None => resource["meta"] = json!({"tag": [flag]}),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(write: Scope) -> Principal {
        Principal {
            id: "a".into(),
            read: Scope::All,
            write,
            shares: Default::default(),
            hidden: Default::default(),
            mode: principal::Mode::Interactive,
            flag_invalid: false,
        }
    }

    #[test]
    fn a_write_stays_within_its_scope() {
        let of_p1 = json!({"resourceType": "Observation", "subject": {"reference": "Patient/p1"}});
        let copy = json!({"resourceType": "Observation", "id": "sx-1"});
        let labelled = json!({"meta": {"security": [{"system": shares::LABEL_SYSTEM, "code": "shared"}]}});
        let p1 = || Scope::Patient("p1".into());
        let check = |scope: Scope, kind: &str, id: &str, resource: &Value, allowed: bool| {
            let outcome = may_store(&principal(scope), kind, id, resource);
            assert_eq!(outcome.is_ok(), allowed, "{kind}/{id} {resource}: {outcome:?}");
        };
        check(Scope::All, "Observation", "o1", &of_p1, true);
        check(p1(), "Observation", "o1", &of_p1, true);
        check(p1(), "Patient", "p1", &json!({}), true);
        check(p1(), "Patient", "p2", &json!({}), false);
        check(p1(), "Patient", "", &json!({}), false);
        check(p1(), "Observation", "o1", &json!({}), false);
        check(p1(), "Organization", "o1", &json!({}), false);
        check(Scope::None, "Observation", "o1", &of_p1, false);
        check(Scope::All, "Observation", "sx-1", &of_p1, false);
        check(Scope::All, "Observation", "", &copy, false);
        check(Scope::All, "Observation", "", &labelled, false);
        check(Scope::All, "SearchParameter", "s", &json!({}), false);
        check(Scope::All, "AuditEvent", "a", &json!({}), false);
        let policy =
            |uri: &str| json!({"scope": {"coding": [{"code": "patient-privacy"}]}, "policy": [{"uri": uri}]});
        check(Scope::All, "Consent", "c", &policy("https://x.example/"), true);
        check(Scope::All, "Consent", "c", &policy("https://salus.network/policy/grant"), false);
        check(Scope::All, "Consent", "grant-1", &json!({}), false);
        check(Scope::All, "Subscription", "s", &json!({}), false);
    }

    #[test]
    fn the_flag_is_set_once_and_taken_off_again() {
        let mut resource =
            json!({"resourceType": "Observation", "meta": {"tag": [{"system": "x", "code": "y"}]}});
        set_flag(&mut resource, true);
        set_flag(&mut resource, true);
        assert_eq!(resource["meta"]["tag"].as_array().map(Vec::len), Some(2));
        set_flag(&mut resource, false);
        assert_eq!(resource["meta"]["tag"], json!([{"system": "x", "code": "y"}]));
        let mut odd = json!({"resourceType": "Observation", "meta": "text"});
        set_flag(&mut odd, true);
        assert_eq!(odd["meta"]["tag"][0]["code"], FLAG_CODE);
    }
}
