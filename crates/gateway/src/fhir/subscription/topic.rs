//! What can be subscribed to: a fixed list of topics, and the filters that each takes.
//!
//! A topic is an R5 SubscriptionTopic (<https://hl7.org/fhir/R5/subscriptiontopic.html>); R4 has none, so a subscription
//! names its canonical URL, and `GET /fhir/SubscriptionTopic/{id}` shows the definition.

use crate::error::{Code, Error, Result};
use crate::fhir::is_id;
use crate::smart::is_type;
use salus_types::category::Category;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Where the canonical URLs of all topics begin.
const BASE: &str = "https://salus.network/fhir/SubscriptionTopic/";
/// Version of the definitions.
const VERSION: &str = "1.0.0";
/// Most filters of one subscription.
const FILTERS_MAX: usize = 16;
/// Most patients that one filter names.
const PATIENTS_MAX: usize = 100;

/// One topic.
pub(super) struct Topic {
    /// Its id, the end of its canonical URL.
    pub(super) id: &'static str,
    title: &'static str,
    description: &'static str,
    /// Whether it is about records of patients, or about what belongs to no patient.
    of_patients: bool,
}

/// All topics.
pub(super) const TOPICS: [Topic; 2] = [
    Topic {
        id: "patient-record-changed",
        title: "Something in a patient's record was created, changed or deleted",
        description: "Every version of a resource that belongs to one patient and that this organisation made itself. Filters: a resource type before the question mark, `patient`, and `category` (the categories by which patients share). If there are filters, a resource must be of the type of at least one, and fulfil all that are for its type or for no type.",
        of_patients: true,
    },
    Topic {
        id: "directory-changed",
        title: "Something that belongs to no patient was created, changed or deleted",
        description: "Every version of a resource that belongs to no patient: organisations, practitioners, locations, services. Filter: a resource type.",
        of_patients: false,
    },
];

impl Topic {
    /// Its canonical URL.
    pub(super) fn url(&self) -> String {
        format!("{BASE}{}", self.id)
    }

    /// The topic with a canonical URL; one with a version names the version that is offered.
    pub(super) fn find(url: &str) -> Option<&'static Self> {
        let (url, version) = url.split_once('|').map_or((url, None), |(url, version)| (url, Some(version)));
        let id = url.strip_prefix(BASE).filter(|_| version.is_none_or(|version| version == VERSION))?;
        TOPICS.iter().find(|topic| topic.id == id)
    }

    /// The definition, as R5 has it.
    pub(super) fn definition(&self) -> Value {
        let mut filters = Vec::new();
        if self.of_patients {
            filters.push(json!({ "filterParameter": "patient", "description": "Whose record, as `Patient/ID`; several with commas." }));
            filters.push(json!({ "filterParameter": "category", "description": "Categories by which patients share, such as `labs`; several with commas." }));
        }
        json!({
            "resourceType": "SubscriptionTopic",
            "id": self.id,
            "url": self.url(),
            "version": VERSION,
            "title": self.title,
            "status": "active",
            "description": self.description,
            "resourceTrigger": [{
                "resource": "http://hl7.org/fhir/StructureDefinition/Resource",
                "supportedInteraction": ["create", "update", "delete"],
            }],
            "canFilterBy": filters,
        })
    }
}

/// What a filter looks at.
pub(super) struct About<'a> {
    pub(super) kind: &'a str,
    pub(super) patient: Option<&'a str>,
    pub(super) category: Category,
}

/// One filter: `Observation?patient=Patient/1&category=labs,vitals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Filter {
    /// For resources of this type only; `None`: of every type.
    kind: Option<String>,
    /// One of these patients; empty: of anybody.
    patients: Vec<String>,
    /// In one of these categories; empty: in any.
    categories: Vec<Category>,
}

/// Reads the filters of a subscription.
pub(super) fn filters(topic: &Topic, texts: &[&str]) -> Result<Vec<Filter>> {
    if texts.len() > FILTERS_MAX {
        return Err(Error::new(Code::Unprocessable, "a subscription has at most 16 filters"));
    }
    texts.iter().map(|text| Filter::parse(topic, text)).collect()
}

impl Filter {
    fn parse(topic: &Topic, text: &str) -> Result<Self> {
        let refuse = || {
            Error::new(
                Code::Unprocessable,
                "a filter is `TYPE?patient=Patient/ID&category=CATEGORY`, each part of it optional and as the topic has it",
            )
        };
        let (kind, query) = match text.split_once('?') {
            Some((kind, query)) => (kind, query),
            None if text.contains('=') => ("", text),
            None => (text, ""),
        };
        if !(kind.is_empty() || is_type(kind)) {
            return Err(refuse());
        }
        let kind = (!kind.is_empty()).then(|| kind.to_owned());
        let mut filter = Self { kind, patients: Vec::new(), categories: Vec::new() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let values = value.split(',');
            match name.as_ref() {
                // Given twice, both would have to hold; that is another filter's business.
                "patient" if topic.of_patients && filter.patients.is_empty() => {
                    for value in values {
                        let id = value.strip_prefix("Patient/").unwrap_or(value);
                        filter.patients.push(is_id(id).then(|| id.to_owned()).ok_or_else(refuse)?);
                    }
                }
                "category" if topic.of_patients && filter.categories.is_empty() => {
                    for value in values {
                        let category = serde_json::from_value(Value::from(value)).map_err(|_| refuse())?;
                        filter.categories.push(category);
                    }
                }
                _ => return Err(refuse()),
            }
        }
        if filter.patients.len() > PATIENTS_MAX {
            return Err(Error::new(Code::Unprocessable, "a filter names at most 100 patients"));
        }
        Ok(filter)
    }

    fn is_for(&self, about: &About<'_>) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == about.kind)
    }

    fn holds(&self, about: &About<'_>) -> bool {
        let of = |patient: &str| self.patients.iter().any(|one| one == patient);
        (self.patients.is_empty() || about.patient.is_some_and(of))
            && (self.categories.is_empty() || self.categories.contains(&about.category))
    }
}

/// Whether a version is of a topic and passes the filters.
pub(super) fn concerns(topic: &Topic, filters: &[Filter], about: &About<'_>) -> bool {
    if topic.of_patients != about.patient.is_some() {
        return false;
    }
    let mut own = filters.iter().filter(|filter| filter.is_for(about)).peekable();
    (filters.is_empty() || own.peek().is_some()) && own.all(|filter| filter.holds(about))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fuzz::{INPUTS, Mutations};

    /// Tries "gateway::fhir/subscription/topic::parse".
    #[test]
    fn a_bent_filter_is_refused_or_understood() {
        let mut mutations = Mutations::new();
        let mut refused = 0;
        for _ in 0..INPUTS {
            let input = mutations.of(b"Observation?patient=Patient/p1&category=labs");
            let text = String::from_utf8_lossy(&input);
            refused += TOPICS.iter().filter(|topic| Filter::parse(topic, &text).is_err()).count();
        }
        assert!(refused > 0);
    }

    fn about<'a>(kind: &'a str, patient: Option<&'a str>, category: Category) -> About<'a> {
        About { kind, patient, category }
    }

    #[test]
    fn a_version_concerns_a_subscription_as_its_topic_and_filters_say() {
        let lab = || about("Observation", Some("p1"), Category::Labs);
        let visit = || about("Encounter", Some("p1"), Category::Notes);
        let org = || about("Organization", None, Category::Notes);
        for (topic, texts, what, expected) in [
            (0, vec![], lab(), true),
            (0, vec![], org(), false),
            (1, vec![], org(), true),
            (1, vec![], lab(), false),
            (1, vec!["Practitioner"], org(), false),
            (0, vec!["Observation"], lab(), true),
            (0, vec!["Observation?"], visit(), false),
            (0, vec!["patient=Patient/p1"], visit(), true),
            (0, vec!["?patient=p2,p1"], visit(), true),
            (0, vec!["patient=p2"], visit(), false),
            (0, vec!["category=labs,vitals"], lab(), true),
            (0, vec!["Observation?category=vitals"], lab(), false),
            (0, vec!["Observation", "patient=p2"], lab(), false),
            (0, vec!["Observation?patient=p1&category=labs", "Encounter"], visit(), true),
            (0, vec!["Observation", "Observation?category=vitals"], lab(), false),
        ] {
            let topic = &TOPICS[topic];
            let filters = filters(topic, &texts).expect("filters");
            assert_eq!(concerns(topic, &filters, &what), expected, "{} {texts:?}", topic.id);
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for (topic, text) in [
            (0, "observation"),
            (0, "Observation?code=x"),
            (0, "Observation?patient=a/b"),
            (0, "Observation?patient="),
            (0, "category=everything"),
            (0, "Observation?patient=a&patient=b"),
            (0, "../Observation"),
            (1, "Organization?patient=p1"),
        ] {
            assert!(filters(&TOPICS[topic], &[text]).is_err(), "{text}");
        }
        assert!(filters(&TOPICS[0], &["Observation"; 17]).is_err(), "too many filters");
        assert!(filters(&TOPICS[0], &[format!("patient={}", vec!["p"; 101].join(",")).as_str()]).is_err());
    }

    #[test]
    fn a_topic_is_found_by_its_url_alone() {
        for topic in &TOPICS {
            assert_eq!(Topic::find(&topic.url()).map(|found| found.id), Some(topic.id));
            assert!(Topic::find(&format!("{}|{VERSION}", topic.url())).is_some());
            assert!(Topic::find(&format!("{}|2.0.0", topic.url())).is_none());
            assert_eq!(topic.definition()["url"], topic.url());
        }
        assert!(Topic::find("http://hl7.org/SubscriptionTopic/patient-record-changed").is_none());
    }
}
