//! What a life story says, as data. Time is in months since the history begins (for a child: since birth); the
//! engine in [`super::timeline`] turns it into dated, linked resources.

use super::{
    directory::Role,
    terms::{
        Code, acts::VisitKind, drugs::Drug, labels::Label, measures::Measure, panels::Panel,
        problems::Diagnosis,
    },
};

/// Points of (month, value) with straight lines between; constant before the first and after the last.
pub(crate) type Curve = &'static [(f64, f64)];

/// Administrative gender of a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sex {
    Female,
    Male,
}

impl Sex {
    /// FHIR `Patient.gender`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Sex::Female => "female",
            Sex::Male => "male",
        }
    }
}

/// A life story.
#[derive(Debug)]
pub(crate) struct Story {
    /// Name in options and tests.
    pub(crate) slug: &'static str,
    /// One line for people.
    pub(crate) title: &'static str,
    /// `None` for either.
    pub(crate) sex: Option<Sex>,
    /// Age today.
    pub(crate) age_years: (u32, u32),
    /// Length of the history, `None` from birth on.
    pub(crate) months: Option<(u32, u32)>,
    /// Body mass index at the start.
    pub(crate) bmi: (f64, f64),
    /// Change of weight since the start, in kg.
    pub(crate) weight: Curve,
    /// Who looks after the patient in general.
    pub(crate) home: Role,
    /// Smoking status from a month on.
    pub(crate) smoking: &'static [(f64, &'static Code)],
    pub(crate) visits: &'static [Visit],
    pub(crate) problems: &'static [Problem],
    pub(crate) courses: &'static [Course],
    pub(crate) levels: &'static [Level],
    pub(crate) procedures: &'static [Act],
    pub(crate) shots: &'static [Shot],
    pub(crate) allergies: &'static [Allergy],
    pub(crate) plans: &'static [Plan],
    /// How many minor illnesses come by chance.
    pub(crate) incidents: (u32, u32),
}

/// A story with nothing in it yet, to be filled by `..BLANK`.
pub(crate) const BLANK: Story = Story {
    slug: "",
    title: "",
    sex: None,
    age_years: (40, 60),
    months: Some((72, 96)),
    bmi: (22.0, 27.0),
    weight: &[(0.0, 0.0), (96.0, 2.0)],
    home: Role::FamilyMedicine,
    smoking: &[],
    visits: &[],
    problems: &[],
    courses: &[],
    levels: &[],
    procedures: &[],
    shots: &[],
    allergies: &[],
    plans: &[],
    incidents: (1, 3),
};

/// From this month on, what the patient says and what comes next.
pub(crate) type Words = (f64, &'static [&'static str], &'static [&'static str]);

/// One visit, or visits that recur.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) kind: &'static VisitKind,
    pub(crate) by: Role,
    /// Months of single visits.
    pub(crate) at: &'static [f64],
    /// First month, step and last month of recurring visits.
    pub(crate) every: Option<(f64, f64, f64)>,
    pub(crate) why: Option<&'static Diagnosis>,
    pub(crate) measures: &'static [&'static Measure],
    pub(crate) panels: &'static [&'static Panel],
    /// What is unlike the curves on this day.
    pub(crate) readings: &'static [(&'static Measure, f64)],
    /// What the patient says: one of these is in the note; no note without any.
    pub(crate) said: &'static [&'static str],
    /// What comes next: one of these closes the note.
    pub(crate) next: &'static [&'static str],
    /// From a month on: said and next instead of the ones above.
    pub(crate) later: &'static [Words],
    /// Nights in hospital.
    pub(crate) nights: u32,
}

/// A visit to fill by `..VISIT`.
pub(crate) const VISIT: Visit = Visit {
    kind: &super::terms::acts::FOLLOW_UP,
    by: Role::FamilyMedicine,
    at: &[],
    every: None,
    why: None,
    measures: &[],
    panels: &[],
    readings: &[],
    said: &[],
    next: &["Return as planned, sooner if anything changes."],
    later: &[],
    nights: 0,
};

impl Visit {
    /// What may be said and what may come next at a month of the history.
    pub(crate) fn words(&self, month: f64) -> (&'static [&'static str], &'static [&'static str]) {
        let later = self.later.iter().rev().find(|(from, ..)| *from <= month);
        later.map_or((self.said, self.next), |(_, said, next)| (*said, *next))
    }
}

/// To the end of the history.
pub(crate) const ALWAYS: f64 = 10_000.0;

/// A diagnosis over time.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) what: &'static Diagnosis,
    /// May be before the history begins.
    pub(crate) onset: f64,
    /// Month of abatement and FHIR clinical status from then on.
    pub(crate) ends: Option<(f64, &'static str)>,
}

/// A medicine over time; renewed every year.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) drug: &'static Drug,
    pub(crate) from: f64,
    /// Month and reason of stopping.
    pub(crate) stops: Option<(f64, &'static str)>,
    pub(crate) why: &'static Diagnosis,
}

/// A measure that follows a curve of the story.
#[derive(Debug)]
pub(crate) struct Level {
    pub(crate) of: &'static Measure,
    pub(crate) curve: Curve,
    /// How much persons differ (standard deviation of an offset to the whole curve).
    pub(crate) spread: f64,
}

/// A procedure, with a report of its own where it is an examination.
#[derive(Debug)]
pub(crate) struct Act {
    pub(crate) what: &'static Code,
    pub(crate) at: f64,
    /// Step and last month where it recurs.
    pub(crate) every: Option<(f64, f64)>,
    pub(crate) why: Option<&'static Diagnosis>,
    pub(crate) site: Option<&'static Code>,
    /// Report code and conclusion.
    pub(crate) report: Option<(&'static Code, &'static str)>,
    pub(crate) implant: Option<&'static Implant>,
}

/// A procedure to fill by `..ACT`.
pub(crate) const ACT: Act = Act {
    what: &super::terms::acts::PHYSICAL_THERAPY,
    at: 0.0,
    every: None,
    why: None,
    site: None,
    report: None,
    implant: None,
};

/// A device that stays in the body.
#[derive(Debug)]
pub(crate) struct Implant {
    pub(crate) kind: &'static Code,
    pub(crate) manufacturer: &'static str,
    pub(crate) model: &'static str,
}

/// A vaccination.
#[derive(Debug)]
pub(crate) struct Shot {
    pub(crate) vaccine: &'static Code,
    pub(crate) at: f64,
    /// Number in the series.
    pub(crate) dose: u32,
}

/// An allergy and the reaction that showed it.
#[derive(Debug)]
pub(crate) struct Allergy {
    pub(crate) code: &'static Code,
    /// FHIR category: `medication`, `food`, `environment` or `biologic`.
    pub(crate) category: &'static str,
    /// FHIR criticality.
    pub(crate) criticality: &'static str,
    pub(crate) manifestation: &'static Code,
    /// FHIR severity of the reaction.
    pub(crate) severity: &'static str,
    pub(crate) onset: f64,
}

/// A small care plan.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) category: &'static Code,
    pub(crate) title: &'static str,
    pub(crate) why: &'static Diagnosis,
    pub(crate) from: f64,
    pub(crate) until: Option<f64>,
    pub(crate) activities: &'static [&'static str],
}

impl Plan {
    /// The label of what it is for.
    pub(crate) fn label(&self) -> Option<Label> {
        self.why.label
    }
}
