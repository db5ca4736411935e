//! Upon `Review(event, justified)`: once, by the organisation that broke the glass, by somebody else than who did. One
//! that comes after it was due says so; one that never comes shows by its absence.

use super::break_glass::check_practitioner;
use crate::Rejection;
use crate::execute::Call;
use crate::membership::named_organisation;
use crate::view::Overlay;
use salus_types::action::Review;
use salus_types::state::{EmergencyEntry, ReviewEntry, StateKey, key};

pub(crate) fn review(
    call: &Call<'_>,
    action: &Review,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = named_organisation(call, &action.organisation, state)?;
    let event: Option<EmergencyEntry> = state.read(&key::emergency(&action.event));
    let event = event.ok_or(Rejection::Unknown("emergency access"))?;
    if event.organisation != organisation.id {
        return Err(Rejection::OtherOrganisation(event.organisation));
    }
    check_practitioner(&action.reviewer, &organisation.id, state)?;
    if action.reviewer == event.practitioner {
        return Err(Rejection::OwnReview);
    }
    let entry = ReviewEntry {
        justified: action.justified,
        reviewer: action.reviewer,
        statement: action.statement,
        late: call.context.time_ms >= event.review_due_ms,
        height: call.context.height,
        time_ms: call.context.time_ms,
    };
    let review = key::review(&action.event);
    state.create(review, &entry, "the review")?;
    Ok(review)
}
