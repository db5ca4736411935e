//! This project's own code systems and value sets: the categories that people grant by, and which codes put a record into
//! one of them (`crates/vault/src/category.rs`).

use super::tables::{Compose, Named, Part, Set, System, Tables};
use salus_types::category::Category;
use salus_vault::category::{self, Deciding};

/// The code system of the categories.
pub(crate) const CATEGORIES: &str = "https://salus.network/fhir/category";
/// What stands before a category's name in the URL of its value set; without it, all categories.
const SETS: &str = "https://salus.network/fhir/ValueSet/category";

/// Adds them.
pub(super) fn add(tables: &mut Tables) {
    let codes = Category::ALL.iter().map(|one| (one.to_string(), display(*one).to_owned()));
    tables.systems.insert(CATEGORIES.into(), System::own("SalusCategory", codes));
    let all = Part { system: Some(CATEGORIES.into()), ..Part::default() };
    tables.sets.insert(SETS.into(), set(vec![all]));
    for one in Category::ALL {
        tables.sets.insert(format!("{SETS}-{one}"), set(parts(*one)));
    }
}

fn set(include: Vec<Part>) -> Set {
    Set { version: None, compose: Compose { include, exclude: Vec::new() } }
}

/// The codes that put a record into a category, one part for each code system.
fn parts(category: Category) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for Deciding { system, code, display, .. } in category::deciding().filter(|one| one.category == category)
    {
        let named = Named { code: code.to_owned(), display: display.map(str::to_owned) };
        match parts.iter_mut().find(|part| part.system.as_deref() == Some(system)) {
            Some(part) => part.concept.push(named),
            None => {
                parts.push(Part { system: Some(system.to_owned()), concept: vec![named], ..Part::default() })
            }
        }
    }
    parts
}

/// A category in words that a person understands; the portal says the same.
pub(crate) fn display(category: Category) -> &'static str {
    match category {
        Category::Demographics => "Personal details",
        Category::Problems => "Diagnoses",
        Category::Medications => "Medicines",
        Category::Allergies => "Allergies",
        Category::Immunizations => "Vaccines",
        Category::Labs => "Lab results",
        Category::Vitals => "Measurements",
        Category::Imaging => "Imaging",
        Category::Procedures => "Procedures",
        Category::Notes => "Visits & notes",
        Category::Claims => "Bills",
        Category::MentalHealth => "Mental health",
        Category::SubstanceUse => "Alcohol and drugs",
        Category::Reproductive => "Sexual health and pregnancy",
        Category::Genetic => "Genetic tests",
        Category::Hiv => "HIV",
    }
}
