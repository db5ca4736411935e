//! Erasure: at a patient's wish or a steward's order, with the law's reasons against it, and receipts of everybody.
//!
//! Upon a steward's yes to a case (`crate::cases`) or an order of their own: `survey` says what may go and what is to be
//! kept (`retention`); the work is durable together with the answer. `carry` removes the resources from the clinical store,
//! once they are sealed, then orders the erasure of all their versions on the ledger; messages of feeds that wait go with
//! them, and `marks` keep feeds and files from bringing them back. Copies that came here under grants, and own resources
//! that a backup brought back, `due` removes whenever the vault says so. `dossier` shows it to anyone.
//!
//! Architecture invariant: resources go first, and the order names every version that was ever sealed of them.

mod carry;
mod dossier;
mod due;
mod marks;
mod port;
mod retention;
mod rows;
mod survey;
#[cfg(test)]
mod tests;

pub(crate) use dossier::{dossier, progress};
pub(crate) use marks::{marked, none_under_way, unmark};
pub use port::{DueErasure, ErasureVault, NoErasures};
pub use retention::{RetentionRule, usual_rules};
pub(crate) use rows::{Step, WORKS, Work};
pub(crate) use survey::{Survey, may_go, survey};

use crate::state::Gateway;
use salus_types::category::Category;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::Notify;

/// Pause after something failed or waits.
const PAUSE: Duration = Duration::from_secs(2);

/// A FHIR resource by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// FHIR type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Logical id.
    pub id: String,
}

/// What a patient or a steward wants erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Scope {
    /// One record with all its versions.
    Record { record: Named },
    /// Everything of a category.
    Category { category: Category },
    /// Everything. Braces, because serde takes any field of a variant without them.
    Everything {},
}

impl Scope {
    /// Whether a record is meant.
    pub(crate) fn means(&self, named: &Named, category: Category) -> bool {
        match self {
            Self::Record { record } => record == named,
            Self::Category { category: meant } => *meant == category,
            Self::Everything {} => true,
        }
    }
}

/// A record that is not erased, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kept {
    /// The record.
    #[serde(flatten)]
    pub(crate) named: Named,
    /// Its category.
    pub(crate) category: Category,
    /// Until when, in milliseconds since 1970-01-01 UTC, if that is known.
    pub(crate) until_ms: Option<u64>,
    /// The law, in words.
    pub(crate) ground: String,
}

/// What a node keeps of erasures in memory.
#[derive(Default)]
pub struct Erasures {
    /// There is new work.
    news: Notify,
    /// Held by who marks what is to be erased; shared by who writes for feeds and imports.
    marking: tokio::sync::RwLock<()>,
}

impl Erasures {
    /// Hears that there is new work.
    pub(crate) fn begun(&self) {
        self.news.notify_one();
    }
}

/// Carries erasures out until the gateway stops.
pub(crate) async fn run(gateway: Gateway) {
    tokio::select! {
        () = gateway.stopped() => (),
        () = carry::follow(&gateway) => (),
        () = due::follow(&gateway) => (),
    }
}

/// Begins to erase records of a patient, and gets it as far as it goes; whether something is left.
#[cfg(test)]
pub(crate) async fn testing_erase(
    gateway: &Gateway,
    patient: &str,
    (scope, ground): (Scope, salus_types::erasure::ErasureGround),
    resources: Vec<Named>,
) -> bool {
    let due = resources.into_iter().map(|named| (named, Category::Labs)).collect();
    let work = Work::new(patient.to_owned(), ground, scope, Survey { due, ..Survey::default() });
    let put = gateway.store.write(move |tx| WORKS.put(tx, "case", &work));
    put.await.expect("write");
    carry::round(gateway).await.expect("round")
}
