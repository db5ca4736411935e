//! Emergencies on the chain in memory, and a vault whose holders always release.

use crate::emergency::{EmergencyUse, EmergencyVault, OpenedSummary, StaleSummary};
use crate::vault::VaultError;
use async_trait::async_trait;
use commonware_codec::Encode as _;
use salus_types::action::{BreakGlass, Review};
use salus_types::emergency::{EMERGENCY_ACCESS_MS, EMERGENCY_REVIEW_MS};
use salus_types::state::{EmergencyEntry, ReviewEntry, StateKey, key};
use salus_types::vault::{EmergencyAsk, EmergencyFound, EmergencyNotice};
use salus_types::{CompartmentId, Digest, OrganisationId, decode_canonical};
use std::collections::HashMap;
use std::sync::Mutex;
use zeroize::Zeroizing;

/// As the contract does.
pub(crate) fn break_glass(
    state: &mut HashMap<StateKey, Vec<u8>>,
    action: &BreakGlass,
    (height, time_ms): (u64, u64),
) -> (StateKey, Vec<u8>) {
    let count = state.get(&key::emergencies());
    let number: u64 = count.map_or(0, |count| decode_canonical(count).expect("a number"));
    state.insert(key::emergencies(), (number + 1).encode().to_vec());
    state.insert(key::emergency_of_number(number), action.id().encode().to_vec());
    let entry = EmergencyEntry {
        number,
        organisation: action.organisation.clone(),
        target: action.target,
        practitioner: action.practitioner,
        ground: action.ground,
        statement: action.statement,
        began_ms: action.began_ms,
        height,
        time_ms,
        access_until_ms: action.began_ms.unwrap_or(time_ms) + EMERGENCY_ACCESS_MS,
        review_due_ms: time_ms + EMERGENCY_REVIEW_MS,
    };
    (key::emergency(&action.id()), entry.encode().to_vec())
}

/// As the contract does, in time.
pub(crate) fn review(action: &Review, (height, time_ms): (u64, u64)) -> (StateKey, Vec<u8>) {
    let Review { event, justified, reviewer, statement, .. } = action;
    let (justified, reviewer, statement) = (*justified, *reviewer, *statement);
    let entry = ReviewEntry { justified, reviewer, statement, late: false, height, time_ms };
    (key::review(event), entry.encode().to_vec())
}

/// Everything that was asked of it, in order.
#[derive(Default)]
pub(crate) struct FakeEmergencies {
    pub(crate) told: Mutex<Vec<EmergencyNotice>>,
    pub(crate) opened: Mutex<Vec<EmergencyAsk>>,
    pub(crate) uses: Mutex<Vec<EmergencyUse>>,
    pub(crate) stale: Mutex<Vec<StaleSummary>>,
    /// Patients whose summary was made, and whether there was one.
    pub(crate) put: Mutex<Vec<(String, bool)>>,
}

/// The compartment of everybody here.
pub(crate) const COMPARTMENT: CompartmentId = CompartmentId(Digest([4; 32]));

#[async_trait]
impl EmergencyVault for FakeEmergencies {
    async fn changed(&self) {
        std::future::pending().await
    }

    async fn stale(&self, _: usize) -> Result<Vec<StaleSummary>, VaultError> {
        Ok(self.stale.lock().expect("lock").clone())
    }

    async fn put(&self, stale: &StaleSummary, text: Option<Zeroizing<Vec<u8>>>) -> Result<(), VaultError> {
        self.stale.lock().expect("lock").retain(|one| one != stale);
        self.put.lock().expect("lock").push((stale.patient.clone(), text.is_some()));
        Ok(())
    }

    async fn uses(&self, _: usize) -> Result<Vec<EmergencyUse>, VaultError> {
        Ok(std::mem::take(&mut *self.uses.lock().expect("lock")))
    }

    async fn noted(&self, _: EmergencyUse) -> Result<(), VaultError> {
        Ok(())
    }

    async fn summary_of(&self, _: &str) -> Result<Option<EmergencyFound>, VaultError> {
        let holders = vec!["hospital-a".parse().expect("id")].try_into().expect("one");
        Ok(Some(EmergencyFound { compartment: COMPARTMENT, holders, threshold: 2 }))
    }

    async fn tell(&self, notice: EmergencyNotice) -> Result<(), VaultError> {
        self.told.lock().expect("lock").push(notice);
        Ok(())
    }

    async fn open(&self, ask: &EmergencyAsk, _: &[OrganisationId]) -> Result<OpenedSummary, VaultError> {
        self.opened.lock().expect("lock").push(ask.clone());
        let text = Zeroizing::new(br#"{"resourceType":"Bundle","entry":[]}"#.to_vec());
        Ok(OpenedSummary { text, made_ms: 7 })
    }
}
