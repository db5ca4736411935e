//! One hospital's record of one patient: walks the schedule and files what each visit leaves behind.

use super::{
    body::{Body, Reading, Seen},
    calendar::Date,
    directory::{Directory, Role},
    draw::Draw,
    notes::{self, Facts},
    person::Person,
    resources::{self, Prescription, Setting},
    schedule::{Planned, Schedule},
    story::{Course, Story},
    terms::{
        acts,
        labels::{Label, labelled},
        measures::{Category, Measure},
        problems::Diagnosis,
        vaccines,
    },
};
use serde_json::{Value, json};

mod events;

/// From this age on, smoking is asked about.
const ASKED_ABOUT_SMOKING_YEARS: u32 = 14;

/// What a record is made from.
pub(crate) struct Sources<'a> {
    pub(crate) story: &'static Story,
    pub(crate) person: &'a Person,
    pub(crate) body: &'a Body,
    pub(crate) directory: &'a Directory,
    pub(crate) schedule: &'a Schedule,
    pub(crate) today: Date,
}

/// A record that is being written.
pub(crate) struct Record<'a> {
    from: Sources<'a>,
    draw: Draw,
    /// Address of the Patient.
    patient: String,
    entries: Vec<Value>,
    /// Diagnosis code -> address of its newest Condition.
    conditions: Vec<(&'static str, String)>,
    /// The newest number of each measure.
    newest: Vec<(&'static str, f64)>,
    smoking: &'static str,
    /// Drug code -> address of the newest prescription.
    prescriptions: Vec<(&'static str, String)>,
}

impl<'a> Record<'a> {
    /// A record with the Patient in it.
    pub(crate) fn open(from: Sources<'a>, mut draw: Draw, record_number: &str) -> Self {
        let patient = draw.urn();
        let home = from.directory.clinician(from.story.home);
        let resource = resources::patient(from.person, from.directory.site, record_number, home);
        let mut record = Self {
            from,
            draw,
            patient: patient.clone(),
            entries: Vec::new(),
            conditions: Vec::new(),
            newest: Vec::new(),
            smoking: "",
            prescriptions: Vec::new(),
        };
        record.file_at(patient, resource);
        record
    }

    /// Files the care team: the home clinician and those of visits without a label.
    pub(crate) fn care_team(&mut self) {
        let from = &self.from;
        let visits = from.schedule.visits.iter().filter(|it| it.incident.is_none() && label(it).is_none());
        let mut roles = vec![from.story.home];
        for role in visits.map(|planned| planned.visit.by) {
            if !roles.contains(&role) && role != Role::Emergency {
                roles.push(role);
            }
        }
        let members: Vec<_> = roles.into_iter().map(|role| from.directory.clinician(role)).collect();
        let since = from.schedule.start.iso();
        let team = resources::care_team(from.directory.site, &self.patient, &since, &members);
        self.file(team);
    }

    /// Files every visit.
    pub(crate) fn visits(&mut self) {
        let schedule = self.from.schedule;
        for (place, planned) in schedule.visits.iter().enumerate() {
            self.visit(place, planned);
        }
    }

    /// The transaction, and how many resources it creates.
    pub(crate) fn close(self) -> (Value, usize) {
        let count = self.entries.len();
        (json!({ "resourceType": "Bundle", "type": "transaction", "entry": self.entries }), count)
    }

    fn visit(&mut self, place: usize, planned: &Planned) {
        let (encounter, patient) = (self.draw.urn(), self.patient.clone());
        let visit = planned.visit;
        let minute = match visit.kind.setting {
            acts::Setting::Emergency => 60 * self.draw.within((1, 17)) + self.draw.below(60),
            acts::Setting::Ambulatory | acts::Setting::Inpatient => 8 * 60 + 15 * self.draw.below(32),
        };
        let clinician = self.from.directory.clinician(visit.by);
        let setting = Setting {
            site: self.from.directory.site,
            patient: &patient,
            encounter: &encounter,
            clinician,
            day: planned.day,
            minute,
            label: label(planned),
        };
        let first = self.entries.len();
        let new_problems = self.name_problems(place, planned);
        let reason = visit.why.and_then(|why| self.condition_of(why));
        self.file_at(encounter.clone(), resources::encounter(&setting, visit, reason.as_deref()));
        let (said, next) = visit.words(planned.day.months_since(self.from.schedule.start));
        let mut facts = Facts {
            said: self.draw.word(said),
            next: self.draw.word(next),
            reason: visit.why,
            ..Facts::default()
        };
        self.problems(&setting, planned, new_problems, &mut facts);
        self.measures(&setting, planned, &mut facts);
        self.smoking(&setting, planned);
        if let Some(incident) = planned.incident {
            self.incident_drug(&setting, incident, &mut facts);
        } else {
            self.events(&setting, place, &mut facts);
        }
        if !facts.said.is_empty() {
            let minutes = visit.kind.minutes * visit.nights.max(1);
            let age = self.age_years(planned.day);
            let text = notes::text(&facts, age, self.from.person.sex, clinician, setting.label);
            self.file(resources::note(&setting, &visit.kind.note, &text, minutes));
        }
        self.protect(first, setting.label);
    }

    /// Everything of a protected visit is protected: who measured a blood pressure already tells the clinic.
    fn protect(&mut self, first: usize, label: Option<Label>) {
        for entry in &mut self.entries[first..] {
            if entry["resource"]["meta"].is_null() {
                entry["resource"] = labelled(entry["resource"].take(), label);
            }
        }
    }

    /// Vital signs, scores and examinations, then each laboratory panel with its report.
    fn measures(&mut self, setting: &Setting, planned: &Planned, facts: &mut Facts) {
        let mut seen: Seen = Vec::new();
        for measure in planned.visit.measures {
            self.measure(setting, planned, measure, &mut seen, facts);
        }
        for panel in planned.visit.panels {
            let from = seen.len();
            let mut results = Vec::new();
            for measure in panel.measures {
                results.extend(self.measure(setting, planned, measure, &mut seen, facts));
            }
            let label = panel.measures.iter().find_map(|measure| measure.label);
            let conclusion = notes::conclusion(&seen[from..]);
            self.file(resources::laboratory_report(setting, &panel.code, &results, &conclusion, label));
        }
    }

    fn measure(
        &mut self,
        setting: &Setting,
        planned: &Planned,
        measure: &'static Measure,
        seen: &mut Seen,
        facts: &mut Facts,
    ) -> Option<String> {
        let fixed = planned.visit.readings.iter().find(|(of, _)| of.code == measure.code).map(|(_, it)| *it);
        let reading = self.from.body.read(measure, setting.day, fixed, seen, &mut self.draw)?;
        seen.push((measure, reading));
        let before = self.newest.iter().find(|(code, _)| *code == measure.code.code).map(|(_, value)| *value);
        if let Reading::Number(value) = reading {
            self.newest.retain(|(code, _)| *code != measure.code.code);
            self.newest.push((measure.code.code, value));
        }
        // What a vital sign was last time matters only for the weight.
        let before = before.filter(|_| measure.category != Category::VitalSigns || measure.name == "weight");
        facts.measured.push((measure, reading, before));
        Some(self.file(resources::observation(setting, measure, reading)))
    }

    fn smoking(&mut self, setting: &Setting, planned: &Planned) {
        let month = setting.day.months_since(self.from.schedule.start);
        let told = self.from.story.smoking.iter().rev().find(|(from, _)| *from <= month);
        let status = told.map_or(&acts::NEVER_SMOKED, |(_, status)| *status);
        let asked = status.code != self.smoking || planned.visit.kind.code == acts::CHECK_UP.code;
        if asked && planned.incident.is_none() && self.age_years(setting.day) >= ASKED_ABOUT_SMOKING_YEARS {
            self.smoking = status.code;
            self.file(resources::smoking_status(setting, status));
        }
    }

    fn condition_of(&self, what: &Diagnosis) -> Option<String> {
        let mut known = self.conditions.iter().rev();
        known.find(|(code, _)| *code == what.code.code).map(|(_, address)| address.clone())
    }

    fn age_years(&self, day: Date) -> u32 {
        (day.months_since(self.from.person.birth_date) / 12.0) as u32
    }

    fn file(&mut self, resource: Value) -> String {
        let address = self.draw.urn();
        self.file_at(address.clone(), resource);
        address
    }

    fn file_at(&mut self, address: String, resource: Value) {
        let request = json!({ "method": "POST", "url": resource["resourceType"] });
        self.entries.push(json!({ "fullUrl": address, "resource": resource, "request": request }));
    }
}

/// The label of what a visit is for.
fn label(planned: &Planned) -> Option<Label> {
    planned.visit.why.and_then(|why| why.label)
}
