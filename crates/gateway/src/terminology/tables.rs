//! Code systems and value sets as HL7 publishes them with FHIR R4: three Bundles in the folder of the definitions, read once.
//!
//! Kept are codes, displays and the hierarchy; words that explain codes are not.

use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// The files, as `cargo xtask` fetches them.
pub(crate) const FILES: [&str; 3] = ["valuesets-r4.json", "v3-codesystems-r4.json", "v2-tables-r4.json"];

/// A code of a code system.
#[derive(Clone, Debug, Default)]
pub(crate) struct Concept {
    pub(crate) code: String,
    pub(crate) display: Option<String>,
    /// A heading that no record may be coded with.
    pub(crate) heading: bool,
    /// Codes that it is a kind of, by their place.
    parents: Vec<usize>,
}

/// A code system.
#[derive(Clone, Debug, Default)]
pub(crate) struct System {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    /// Whether every code of it is here.
    pub(crate) whole: bool,
    any_case: bool,
    concepts: Vec<Concept>,
    places: HashMap<String, usize>,
}

/// Which codes belong into a value set (<https://hl7.org/fhir/R4/valueset.html#compositions>).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Compose {
    pub(super) include: Vec<Part>,
    pub(super) exclude: Vec<Part>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) system: Option<String>,
    pub(super) concept: Vec<Named>,
    pub(super) filter: Vec<Filter>,
    pub(super) value_set: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) code: String,
    pub(super) display: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    pub(super) property: String,
    pub(super) op: String,
    pub(super) value: String,
}

/// A value set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Set {
    pub(crate) version: Option<String>,
    pub(super) compose: Compose,
}

/// Everything that is known here, by canonical URL.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) systems: HashMap<String, System>,
    pub(crate) sets: HashMap<String, Set>,
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    resource: Published,
}

/// The fields that count, of a CodeSystem or a ValueSet.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Published {
    resource_type: String,
    url: String,
    version: Option<String>,
    name: String,
    content: String,
    case_sensitive: Option<bool>,
    concept: Vec<PublishedConcept>,
    compose: Compose,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PublishedConcept {
    code: String,
    display: Option<String>,
    property: Vec<Property>,
    concept: Vec<PublishedConcept>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Property {
    code: String,
    value_code: Option<String>,
    value_boolean: Option<bool>,
}

impl Tables {
    /// Reads the files that are there, and says how many are.
    pub(crate) fn read(&mut self, folder: &Path) -> usize {
        let texts = FILES.iter().filter_map(|name| std::fs::read(folder.join(name)).ok());
        texts.filter(|text| self.add(text)).count()
    }

    /// Adds a Bundle. What is there already stays: the first file is FHIR's own.
    pub(crate) fn add(&mut self, text: &[u8]) -> bool {
        let Ok(bundle) = serde_json::from_slice::<Bundle>(text) else { return false };
        for Entry { resource: one } in bundle.entry {
            match one.resource_type.as_str() {
                "CodeSystem" => {
                    let url = one.url.clone();
                    self.systems.entry(url).or_insert_with(|| System::of(one));
                }
                "ValueSet" => {
                    let set = Set { version: one.version, compose: one.compose };
                    self.sets.entry(one.url).or_insert(set);
                }
                _ => {}
            }
        }
        true
    }
}

impl System {
    fn of(published: Published) -> Self {
        let mut system = Self {
            name: published.name,
            version: published.version,
            whole: published.content == "complete",
            any_case: published.case_sensitive == Some(false),
            ..Self::default()
        };
        let mut more = Vec::new();
        system.add(published.concept, None, &mut more);
        for (place, parent) in more {
            if let Some(parent) = system.places.get(&parent) {
                system.concepts[place].parents.push(*parent);
            }
        }
        system
    }

    /// A system of this project's own.
    pub(crate) fn own(name: &str, codes: impl Iterator<Item = (String, String)>) -> Self {
        let mut system = Self { name: name.to_owned(), whole: true, ..Self::default() };
        for (code, display) in codes {
            system.places.insert(code.clone(), system.concepts.len());
            system.concepts.push(Concept { code, display: Some(display), ..Concept::default() });
        }
        system
    }

    /// Adds concepts below one. HL7 v3 names further parents as properties; these are noted in `more`.
    fn add(
        &mut self,
        concepts: Vec<PublishedConcept>,
        parent: Option<usize>,
        more: &mut Vec<(usize, String)>,
    ) {
        for one in concepts {
            let place = self.concepts.len();
            let has = |name: &str| one.property.iter().find(|property| property.code == name);
            let heading = has("notSelectable").is_some_and(|property| property.value_boolean == Some(true));
            for property in one.property.iter().filter(|property| property.code == "subsumedBy") {
                more.extend(property.value_code.clone().map(|parent| (place, parent)));
            }
            self.places.insert(self.key(&one.code), place);
            self.concepts.push(Concept {
                code: one.code,
                display: one.display,
                heading,
                parents: parent.into_iter().collect(),
            });
            self.add(one.concept, Some(place), more);
        }
    }

    fn key(&self, code: &str) -> String {
        if self.any_case { code.to_lowercase() } else { code.to_owned() }
    }

    /// A code.
    pub(crate) fn find(&self, code: &str) -> Option<&Concept> {
        self.places.get(&self.key(code)).map(|place| &self.concepts[*place])
    }

    /// Every code, in the order of publication.
    pub(crate) fn concepts(&self) -> impl Iterator<Item = &Concept> {
        self.concepts.iter()
    }

    /// Whether a code is another one or a kind of it.
    pub(super) fn is_a(&self, concept: &Concept, ancestor: &str) -> bool {
        let Some(ancestor) = self.places.get(&self.key(ancestor)).copied() else { return false };
        let Some(start) = self.places.get(&self.key(&concept.code)).copied() else { return false };
        // Published hierarchies have no loops; what was seen is noted all the same.
        let (mut seen, mut open) = (vec![start], vec![start]);
        while let Some(place) = open.pop() {
            if place == ancestor {
                return true;
            }
            for parent in self.concepts[place].parents.iter().copied() {
                if !seen.contains(&parent) {
                    seen.push(parent);
                    open.push(parent);
                }
            }
        }
        false
    }
}
