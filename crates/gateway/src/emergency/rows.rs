//! The tables of emergencies.

use crate::store::Rows;
use commonware_codec::Encode as _;
use salus_types::action::BreakGlass;
use salus_types::emergency::EmergencyGround;
use salus_types::{CompartmentId, Digest, EmergencyId, OrganisationId, decode_canonical};
use serde::{Deserialize, Serialize};

/// Emergencies of this organisation by id, which begins with the time.
pub(super) const EMERGENCIES: Rows<Emergency> = Rows::new("emergencies");
/// Emergencies whose event waits for the ledger, by id.
pub(super) const QUEUED: Rows<u64> = Rows::new("emergencies-queued");
/// Encoded notice (hex) by event (hex): how the patient's device checks what the log says.
pub(super) const USES: Rows<String> = Rows::new("emergency-uses");

/// An emergency here: one person in front of one clinician.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Emergency {
    pub(super) practitioner: String,
    pub(super) patient: String,
    pub(super) chart: String,
    pub(super) ground: EmergencyGround,
    /// The reason in words, and what opens its commitment.
    pub(super) words: String,
    pub(super) salt: [u8; 32],
    pub(super) time_ms: u64,
    pub(super) until_ms: u64,
    /// One for each source whose summary was to be opened, or one for the chart here.
    pub(super) events: Vec<Event>,
    pub(super) review: Option<Words>,
}

/// One event, as it is signed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) source: OrganisationId,
    pub(super) compartment: CompartmentId,
    /// Opens the event's target.
    pub(super) salt: [u8; 32],
    pub(super) holders: Vec<OrganisationId>,
    /// The action's encoding in hex.
    action: String,
    /// This organisation's signature (hex) from the moment itself, where the ledger did not answer.
    pub(super) signature: Option<String>,
}

/// What a reviewer says.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Words {
    pub(super) reviewer: String,
    pub(super) justified: bool,
    pub(super) words: String,
    pub(super) salt: [u8; 32],
}

impl Event {
    pub(super) fn new(
        source: OrganisationId,
        compartment: CompartmentId,
        salt: [u8; 32],
        holders: Vec<OrganisationId>,
        action: &BreakGlass,
    ) -> Self {
        let action = hex::encode(action.encode());
        Self { source, compartment, salt, holders, action, signature: None }
    }

    /// The action; `None` if the row is damaged.
    pub(super) fn action(&self) -> Option<BreakGlass> {
        decode_canonical(&hex::decode(&self.action).ok()?).ok()
    }

    pub(super) fn id(&self) -> EmergencyId {
        self.action().map_or(EmergencyId(Digest::ZERO), |action| action.id())
    }
}
