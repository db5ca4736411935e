//! Who asks: a system by its own right, a practitioner with a patient, a purpose and a reason, or an app of a patient.

use crate::smart::Scopes;
use salus_policy::{Relation, Role};
use salus_types::Digest;
use salus_types::category::{Category, Purpose};

/// Who asks on a FHIR route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A backend client by its own right.
    System(System),
    /// Somebody who works here, by a chart session or through a client that vouches for them.
    Practitioner(Practitioner),
    /// An app that a patient lets read.
    App(App),
}

/// An app that one patient lets read their own record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its client id.
    pub client: String,
    /// Name shown to the patient.
    pub name: String,
    /// Whose record: FHIR Patient id here.
    pub patient: String,
    /// What its token reaches.
    pub scopes: Scopes,
    /// What the patient chose to show.
    pub categories: Vec<Category>,
}

/// A backend client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Its id.
    pub client: String,
    /// What its token reaches.
    pub scopes: Scopes,
}

/// A practitioner at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Practitioner {
    /// FHIR Practitioner id here.
    pub id: String,
    /// Name shown to the patient.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Commitment of the credential on the ledger.
    pub commitment: Digest,
    /// The patient whose chart is open: FHIR Patient id here. `None`: no chart is open.
    pub patient: Option<String>,
    /// Why, as a purpose of use.
    pub purpose: Purpose,
    /// Why, in words.
    pub reason: String,
    /// Where the relation to the patient comes from.
    pub relation: Relation,
    /// What the token reaches; `None` for a session of this node's own portal.
    pub scopes: Option<Scopes>,
}
