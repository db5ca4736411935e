//! Break-glass: what saves a life, for who cannot be asked.
//!
//! A source keeps one *emergency summary* of each patient, enrolled or not: made by the gateway from the clinical store,
//! made anew when something in it changes (`source`). It is sealed under an *emergency key* EK, which is shared among five
//! custodians, or all if there are fewer; more than half of them give it back, the source alone does not count for more
//! than one (`seal`). Each holder has the whole ciphertext and one share (`holder`).
//!
//! Whoever broke the glass on the ledger asks all holders; each decides by its own ledger
//! ([`crate::custodian::decide::emergency`]), and makes word for the source durable before it answers: who opens cannot
//! keep silent about it (`breaker`, `tell`). When the four hours are over the source makes a new key, and the holders
//! destroy what was before.
//!
//! Architecture invariant: [`crate::custodian::decide::emergency::Released`] is needed to hand out a share.

mod breaker;
mod holder;
mod seal;
mod source;
mod tell;

pub use breaker::{EmergencyBlame, EmergencySummary};
pub use source::{EmergencyUse, StaleSummary};

use crate::node::Context;
use crate::reader::ReaderConfig;
use std::sync::Arc;
use tokio::sync::Notify;

/// Whether a resource of this type belongs into an emergency summary.
pub(crate) fn concerns(resource_type: &str) -> bool {
    matches!(
        resource_type,
        "Patient"
            | "AllergyIntolerance"
            | "MedicationStatement"
            | "MedicationRequest"
            | "Condition"
            | "Immunization"
            | "Device"
            | "Consent"
            | "DocumentReference"
    )
}

/// Holds shares of others' emergency keys, opens others' summaries, and tells their sources.
pub struct Emergency {
    ctx: Arc<Context>,
    config: ReaderConfig,
    /// Sources are to be told.
    notices: Notify,
}

impl Emergency {
    pub(crate) fn new(ctx: Arc<Context>, config: ReaderConfig) -> Self {
        Self { ctx, config, notices: Notify::new() }
    }
}
