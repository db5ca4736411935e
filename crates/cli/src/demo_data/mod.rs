//! Clinical histories for the demo network: FHIR R4, coherent, and of nobody.
//!
//! A seed and an index give one patient: a person drawn from invented names, one of the life stories in
//! [`stories`], a long history at Hospital A and a short registration at Hospital B. The same seed, index and
//! `today` give the same bytes, and a patient does not depend on how many others are made.
//!
//! Load order per hospital: the bundle of [`practitioners`] first (it puts the Organization, the Locations and the
//! Practitioners at fixed ids), then the patients' bundles, which create everything else by POST and refer to
//! those ids plainly and to their own resources by `urn:uuid`.
//!
//! From data to resources: [`stories`] (what happens) -> [`schedule`] (on which day, at which visit) ->
//! [`body`] (what is measured) -> [`record`] (what is filed) -> [`resources`] (how FHIR says it), with the codes of
//! [`terms`]. What is protected carries `meta.security` labels ([`terms::labels`]); a test holds that no resource
//! without a label names a protected fact.
//!
//! Absent by design: no clock (today is handed in), no files, no network, no text from real records.

mod body;
mod calendar;
mod directory;
mod draw;
mod growth;
mod incidents;
mod names;
mod notes;
mod person;
mod record;
mod resources;
mod schedule;
mod stories;
mod story;
mod terms;
#[cfg(test)]
mod tests;

pub(crate) use calendar::Date;
pub(crate) use directory::{PractitionerInfo, Site};

use body::Body;
use directory::Directory;
use draw::{Draw, Purpose};
use person::Person;
use record::{Record, Sources};
use schedule::Schedule;
use serde_json::Value;
use stories::STORIES;
use story::Story;

/// Record numbers of a hospital repeat after this many patients (a prime).
const RECORD_NUMBERS: u64 = 99_999_989;

/// Share of patients who were already seen at Hospital B.
const SEEN_AT_B_SHARE: f64 = 0.45;

/// A registration at Hospital B is at most this many months old.
const REGISTERED_AT_B_MONTHS: f64 = 20.0;

/// What a history depends on beside seed and index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Nothing in a history is later, except until when a prescription is valid.
    pub(crate) today: Date,
    /// Slug of the only story to tell (see [`story_titles`]); `None`, or an unknown one, for all in turn.
    pub(crate) story: Option<&'static str>,
}

/// One patient at both hospitals.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PatientHistory {
    /// Given and family name.
    pub(crate) name: String,
    /// FHIR date.
    pub(crate) birth_date: String,
    /// Slug of the life story.
    pub(crate) story: &'static str,
    /// Hospital A, then Hospital B.
    pub(crate) at: Vec<SiteBundle>,
}

/// One patient at one hospital.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SiteBundle {
    pub(crate) site: Site,
    /// The hospital's own record number (MRN) of the patient.
    pub(crate) record_number: String,
    /// FHIR transaction; its first entry is the Patient.
    pub(crate) bundle: Value,
    pub(crate) resource_count: usize,
}

/// The history of a patient. Each round of as many patients as there are stories tells every story once.
pub(crate) fn history(seed: u64, index: u32, options: &Options) -> PatientHistory {
    let story = choose(seed, index, options.story);
    let today = options.today;
    let person = Person::draw(seed, index, story, today);
    let mut draw = Draw::new(seed, index, Purpose::Body);
    let start = match story.months {
        Some(months) => {
            today.plus_days(-(draw.below(30) as i32)).plus_months(-f64::from(draw.within(months)))
        }
        None => person.birth_date,
    };
    let body = Body::draw(story, person.sex, person.birth_date, start, &mut draw);

    let mut draw = Draw::new(seed, index, Purpose::HospitalA);
    let schedule = Schedule::of_story(story, &person, start, today, &mut draw);
    let directory = Directory::draw(seed, Site::HospitalA);
    let sources =
        Sources { story, person: &person, body: &body, directory: &directory, schedule: &schedule, today };
    let at_a = file(seed, index, sources, draw);

    let mut draw = Draw::new(seed, index, Purpose::HospitalB);
    let visits = if draw.chance(SEEN_AT_B_SHARE) { draw.within((1, 2)) } else { 0 };
    let since = today.plus_months(-REGISTERED_AT_B_MONTHS).max(start);
    let schedule = Schedule::of_incidents(&person, visits, (since, today), &mut draw);
    let directory = Directory::draw(seed, Site::HospitalB);
    let sources =
        Sources { story, person: &person, body: &body, directory: &directory, schedule: &schedule, today };
    let at_b = file(seed, index, sources, draw);

    PatientHistory {
        name: person.name(),
        birth_date: person.birth_date.iso(),
        story: story.slug,
        at: vec![at_a, at_b],
    }
}

/// The shared resources of a hospital as a transaction of PUTs at fixed ids, and its clinicians.
pub(crate) fn practitioners(seed: u64, site: Site) -> (Value, Vec<PractitionerInfo>) {
    let directory = Directory::draw(seed, site);
    (directory.bundle(), directory.clinicians)
}

/// Slug and title of every life story.
pub(crate) fn story_titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    STORIES.iter().map(|story| (story.slug, story.title))
}

fn choose(seed: u64, index: u32, only: Option<&str>) -> &'static Story {
    if let Some(story) = STORIES.iter().find(|story| Some(story.slug) == only) {
        return story;
    }
    let count = STORIES.len() as u32;
    let order = Draw::new(seed, index / count, Purpose::Stories).shuffled(count);
    STORIES[order[(index % count) as usize] as usize]
}

fn file(seed: u64, index: u32, from: Sources, draw: Draw) -> SiteBundle {
    let site = from.directory.site;
    let record_number = record_number(seed, index, site);
    let mut record = Record::open(from, draw, &record_number);
    if site == Site::HospitalA {
        record.care_team();
    }
    record.visits();
    let (bundle, resource_count) = record.close();
    SiteBundle { site, record_number, bundle, resource_count }
}

/// A number that no other patient of the hospital has.
fn record_number(seed: u64, index: u32, site: Site) -> String {
    let letter = site.letter();
    let first = u64::from(Draw::new(seed, letter as u32, Purpose::Numbers).below(u32::MAX));
    let number = (first + u64::from(index) * 48_271_639) % RECORD_NUMBERS;
    format!("{}{number:08}", letter.to_ascii_uppercase())
}
