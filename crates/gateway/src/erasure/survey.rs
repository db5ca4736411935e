//! What an erasure would concern: which records of a patient may go, and which are to be kept, by which law.

use super::retention::{Judgement, date_of, judge};
use super::{Kept, Named, Scope};
use crate::clock;
use crate::engine::Reach;
use crate::error::{Code, Error};
use crate::feeds;
use crate::staff::patients;
use crate::state::Gateway;
use axum::http::Method;
use salus_types::category::Category;
use salus_types::erasure::ErasureGround;
use serde_json::Value;
use time::OffsetDateTime;

/// Most records that one erasure may concern.
const RECORDS_MAX: usize = 20_000;

/// What would go, and what would stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// What may be erased, with its category.
    pub(crate) due: Vec<(Named, Category)>,
    /// What is to be kept.
    pub(crate) kept: Vec<Kept>,
    /// How many messages of feeds that wait would be destroyed.
    pub(crate) messages: usize,
}

/// Looks at every record of a patient that is meant. On some grounds no law obliges to keep: what is unlawful to have,
/// and what a court orders to be erased.
///
/// # Errors
/// The clinical store or the vault does not answer; [`Code::Conflict`] for more than 20,000 records.
pub(crate) async fn survey(
    gateway: &Gateway,
    patient: &str,
    scope: &Scope,
    ground: ErasureGround,
) -> Result<Survey, Error> {
    let resources = gateway.ports.erasures.resources_of(patient).await.map_err(Error::internal)?;
    // The person's own entry stays: by it they are known here, and may ask for the rest.
    let meant = resources
        .into_iter()
        .filter(|(named, category)| named.kind != "Patient" && scope.means(named, *category));
    let meant: Vec<_> = meant.collect();
    if meant.len() > RECORDS_MAX {
        return Err(Error::new(Code::Conflict, "these are too many records for one request"));
    }
    let whatever = is_of_anything(ground);
    let (mut survey, now_ms) = (Survey::default(), clock::now_ms());
    for (named, category) in meant {
        let judged = match whatever {
            true => Judgement::Due,
            false => {
                let date = last_date(gateway, patient, &named).await?;
                judge(&gateway.config.retention, category, date, now_ms)
            }
        };
        match judged {
            Judgement::Due => survey.due.push((named, category)),
            Judgement::Kept { until_ms, ground } => {
                survey.kept.push(Kept { named, category, until_ms, ground })
            }
        }
    }
    let named: Vec<_> = survey.due.iter().map(|(named, _)| named.clone()).collect();
    let concern = feeds::Concern::new(gateway, patient, scope.clone(), ground, &named).await?;
    survey.messages = feeds::concerned(gateway, &concern).await?.len();
    Ok(survey)
}

/// Whether a ground leaves no law that obliges to keep.
fn is_of_anything(ground: ErasureGround) -> bool {
    matches!(ground, ErasureGround::Unlawful | ErasureGround::LegalObligation)
}

/// Whether something that was never stored may go: judged as if it were a record.
pub(crate) fn may_go(gateway: &Gateway, ground: ErasureGround, category: Category, resource: &Value) -> bool {
    let judged = || judge(&gateway.config.retention, category, date_of(resource), clock::now_ms());
    is_of_anything(ground) || judged() == Judgement::Due
}

/// The latest date that any version of a record names.
async fn last_date(gateway: &Gateway, patient: &str, named: &Named) -> Result<Option<OffsetDateTime>, Error> {
    let path = format!("/fhir/{}/{}/_history?_count=1000", named.kind, named.id);
    let asker = ("erasure", Reach::Patient(patient.to_owned()));
    let history = patients::fetch_within(gateway, asker, Method::GET, &path, String::new()).await?;
    let entries = history.as_ref().and_then(|bundle| bundle["entry"].as_array());
    Ok(entries.into_iter().flatten().filter_map(|entry| date_of(&entry["resource"])).max())
}
