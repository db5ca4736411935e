//! What the story adds to a visit: diagnoses, prescriptions, procedures, vaccines, allergies, plans.

use super::*;
use crate::demo_data::{incidents::Incident, story::Problem, terms::drugs::Drug};

/// Share of autumns in which a patient has the influenza vaccine.
const INFLUENZA_SHARE: f64 = 0.7;

/// Problems that are over within this many months are of the encounter, not of the problem list.
const LASTING_MONTHS: f64 = 2.0;

/// A diagnosis that a visit puts on record, at its address.
pub(super) struct NewProblem {
    what: &'static Diagnosis,
    address: String,
    onset: Date,
    ended: Option<(Date, &'static str)>,
    lasting: bool,
}

impl Record<'_> {
    /// Gives an address to each diagnosis that this visit records, so that the Encounter can refer to it.
    pub(super) fn name_problems(&mut self, place: usize, planned: &Planned) -> Vec<NewProblem> {
        let mut new = Vec::new();
        if let (Some(incident), Some(what)) = (planned.incident, planned.visit.why) {
            let ended = Some((planned.day.plus_days(incident.days as i32), "resolved"));
            new.push((what, planned.day.plus_days(-2), ended, false));
        } else {
            let schedule = self.from.schedule;
            let belongs = |it: &&Problem| schedule.visit_for(it.onset.max(0.0)) == Some(place);
            for problem in self.from.story.problems.iter().filter(belongs) {
                let onset = schedule.start.plus_months(problem.onset).min(planned.day);
                let ended = problem
                    .ends
                    .map(|(month, status)| (schedule.start.plus_months(month).max(planned.day), status));
                let lasting = problem.ends.is_none_or(|(month, _)| month - problem.onset > LASTING_MONTHS);
                new.push((problem.what, onset, ended, lasting));
            }
        }
        let today = self.from.today;
        let mut named = Vec::new();
        for (what, onset, ended, lasting) in new {
            let address = self.draw.urn();
            self.conditions.push((what.code.code, address.clone()));
            // What is not over by today is still active.
            let ended = ended.filter(|(day, _)| *day <= today);
            named.push(NewProblem { what, address, onset, ended, lasting });
        }
        named
    }

    pub(super) fn problems(
        &mut self,
        setting: &Setting,
        planned: &Planned,
        new: Vec<NewProblem>,
        facts: &mut Facts,
    ) {
        for problem in new {
            let NewProblem { what, address, onset, ended, lasting } = problem;
            if planned.incident.is_none() {
                facts.diagnosed.push(what);
            }
            self.file_at(address, resources::condition(setting, what, onset, ended, lasting));
        }
    }

    pub(super) fn events(&mut self, setting: &Setting, place: usize, facts: &mut Facts) {
        self.allergies(setting, place, facts);
        self.procedures(setting, place, facts);
        self.courses(setting, place, facts);
        self.shots(setting, place, facts);
        self.plans(setting, place);
    }

    pub(super) fn incident_drug(&mut self, setting: &Setting, incident: &Incident, facts: &mut Facts) {
        let (Some(drug), Some(why)) = (incident.drug, incident.visit.why) else { return };
        let course = Course { drug, from: 0.0, stops: None, why };
        let reason = self.condition_of(why);
        let until = setting.day.plus_days(drug.supply_days as i32);
        let prescription = Prescription {
            course: &course,
            status: "completed",
            until,
            reason: reason.as_deref(),
            renews: None,
            short: true,
        };
        self.file(resources::medication_request(setting, &prescription));
        facts.started.push((drug, why.label));
    }

    fn courses(&mut self, setting: &Setting, place: usize, facts: &mut Facts) {
        let schedule = self.from.schedule;
        for course in self.from.story.courses {
            for (number, issue) in schedule.issues(course).iter().enumerate() {
                if issue.status == "stopped" && schedule.visits[place].day == issue.until {
                    let why = course.stops.map_or("", |(_, why)| why);
                    facts.stopped.push((course.drug, why, course.why.label));
                }
                if issue.visit != place {
                    continue;
                }
                let reason = self.condition_of(course.why);
                let renews = if number > 0 { self.prescription_of(course.drug) } else { None };
                let prescription = Prescription {
                    course,
                    status: issue.status,
                    until: issue.until,
                    reason: reason.as_deref(),
                    renews: renews.as_deref(),
                    short: issue.short,
                };
                let address = self.file(resources::medication_request(setting, &prescription));
                if number == 0 {
                    facts.started.push((course.drug, course.why.label));
                }
                self.prescriptions.push((course.drug.code.code, address));
            }
        }
    }

    fn prescription_of(&self, drug: &Drug) -> Option<String> {
        let mut known = self.prescriptions.iter().rev();
        known.find(|(code, _)| *code == drug.code.code).map(|(_, address)| address.clone())
    }

    fn procedures(&mut self, setting: &Setting, place: usize, facts: &mut Facts) {
        let schedule = self.from.schedule;
        let length = self.from.today.months_since(schedule.start);
        for act in self.from.story.procedures {
            let (step, last) = act.every.unwrap_or((1.0, act.at));
            let mut month = act.at;
            while month <= last.min(length) {
                if schedule.visit_for(month) == Some(place) {
                    self.procedure(setting, act, facts);
                }
                month += step;
            }
        }
    }

    fn procedure(&mut self, setting: &Setting, act: &crate::demo_data::story::Act, facts: &mut Facts) {
        let reason = act.why.and_then(|why| self.condition_of(why));
        let label = act.why.and_then(|why| why.label);
        let device = act.implant.map(|implant| {
            let serial = format!("{:08}", self.draw.below(100_000_000));
            self.file(resources::device(setting, implant, &serial))
        });
        self.file(resources::procedure(setting, act, reason.as_deref(), device.as_deref()));
        if let Some((code, conclusion)) = act.report {
            let radiologist = self.from.directory.clinician(Role::Radiology);
            self.file(resources::examination_report(setting, code, radiologist, conclusion, label));
        }
        facts.done.push((act.what.display.to_lowercase(), label));
    }

    fn shots(&mut self, setting: &Setting, place: usize, facts: &mut Facts) {
        let schedule = self.from.schedule;
        for shot in self.from.story.shots {
            if schedule.visit_for(shot.at) == Some(place) {
                self.shot(setting, shot.vaccine, shot.dose, facts);
            }
        }
        let months = setting.day.months_since(self.from.person.birth_date);
        let autumn = schedule.autumn_visits().contains(&place);
        if autumn && months >= 6.0 && self.draw.chance(INFLUENZA_SHARE) {
            self.shot(setting, &vaccines::INFLUENZA, 1, facts);
        }
    }

    fn shot(
        &mut self,
        setting: &Setting,
        vaccine: &'static crate::demo_data::terms::Code,
        dose: u32,
        facts: &mut Facts,
    ) {
        let lot = format!("X{:05}", self.draw.below(100_000));
        let nurse = self.from.directory.clinician(Role::Nursing);
        self.file(resources::immunization(setting, vaccine, dose, &lot, nurse));
        facts.done.push((vaccine.display.to_owned(), None));
    }

    fn allergies(&mut self, setting: &Setting, place: usize, facts: &mut Facts) {
        let schedule = self.from.schedule;
        for allergy in self.from.story.allergies {
            if schedule.visit_for(allergy.onset.max(0.0)) == Some(place) {
                let onset = schedule.start.plus_months(allergy.onset).min(setting.day);
                self.file(resources::allergy(setting, allergy, onset));
                facts.done.push((format!("{} recorded", allergy.code.display.to_lowercase()), None));
            }
        }
    }

    fn plans(&mut self, setting: &Setting, place: usize) {
        let schedule = self.from.schedule;
        for plan in self.from.story.plans {
            if schedule.visit_for(plan.from) == Some(place) {
                let reason = self.condition_of(plan.why);
                let ended = plan.until.map(|month| schedule.start.plus_months(month));
                let ended = ended.filter(|day| *day <= self.from.today).map(Date::iso);
                self.file(resources::care_plan(setting, plan, reason.as_deref(), ended));
            }
        }
    }
}
