//! When things happen: visits with chance days, and which visit each event of the story belongs to.

use super::{
    calendar::Date,
    draw::Draw,
    incidents::{INCIDENTS, Incident},
    person::Person,
    story::{Course, Sex, Story, Visit},
    terms::acts::Setting,
};

/// An event belongs to the first visit that is not earlier than this many days before it.
const TOLERANCE_DAYS: i32 = 12;

/// A prescription is renewed after this many days, at the next visit.
const RENEWAL_DAYS: i32 = 345;

/// A course that stops within this many months is a short one, prescribed once.
const SHORT_MONTHS: f64 = 2.0;

/// The newest visit is this many days before today, so that all its results are in.
const SETTLED_DAYS: i32 = 7;

/// Nothing else is planned this close to a minor illness.
const APART_DAYS: i32 = 6;

/// A visit on its day.
#[derive(Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) day: Date,
    pub(crate) visit: &'static Visit,
    /// Set where this is a minor illness that came by chance.
    pub(crate) incident: Option<&'static Incident>,
}

/// One prescription of a course.
pub(crate) struct Issue {
    /// Place in the schedule.
    pub(crate) visit: usize,
    pub(crate) until: Date,
    pub(crate) status: &'static str,
    pub(crate) short: bool,
}

/// The visits of a history, in order, at most one a day.
pub(crate) struct Schedule {
    pub(crate) start: Date,
    pub(crate) visits: Vec<Planned>,
}

impl Schedule {
    /// Plans a story from `start` until shortly before `today`.
    pub(crate) fn of_story(
        story: &'static Story,
        person: &Person,
        start: Date,
        today: Date,
        draw: &mut Draw,
    ) -> Self {
        let mut schedule = Self { start, visits: Vec::new() };
        let length = today.months_since(start);
        for visit in story.visits {
            for month in visit.at {
                schedule.place(visit, start.plus_months(*month).plus_days(draw.below(3) as i32), today);
            }
            let (mut month, step, last) = visit.every.unwrap_or((1.0, 1.0, 0.0));
            while month <= last.min(length) {
                schedule.place(visit, start.plus_months(month).plus_days(draw.below(11) as i32), today);
                month += step;
            }
        }
        schedule.visits.sort_by_key(|planned| planned.day);
        let count = draw.within(story.incidents);
        schedule.befall(person, count, (start.plus_months(1.0), today), draw);
        schedule
    }

    /// Only minor illnesses between two days.
    pub(crate) fn of_incidents(person: &Person, count: u32, span: (Date, Date), draw: &mut Draw) -> Self {
        let mut schedule = Self { start: span.0, visits: Vec::new() };
        schedule.befall(person, count, span, draw);
        schedule
    }

    /// Puts a visit on a free day at or after `day`, unless that is too recent.
    fn place(&mut self, visit: &'static Visit, day: Date, today: Date) {
        let workday = |day: Date| match visit.kind.setting {
            Setting::Ambulatory => day.on_a_workday(),
            Setting::Emergency | Setting::Inpatient => day,
        };
        let mut day = workday(day);
        while self.visits.iter().any(|planned| planned.day == day) {
            day = workday(day.plus_days(1));
        }
        if today.days_since(day) >= SETTLED_DAYS + visit.nights as i32 {
            self.visits.push(Planned { day, visit, incident: None });
        }
    }

    fn befall(&mut self, person: &Person, count: u32, (from, today): (Date, Date), draw: &mut Draw) {
        for _ in 0..count {
            let span = today.days_since(from) - SETTLED_DAYS;
            let mut day = from.plus_days(draw.below(span.max(1) as u32) as i32);
            let age = (day.months_since(person.birth_date) / 12.0) as u32;
            let fits = |it: &&Incident| (it.ages.0..=it.ages.1).contains(&age) && suits(it.sex, person.sex);
            let fitting: Vec<&'static Incident> = INCIDENTS.iter().filter(fits).collect();
            let Some(&incident) = draw.pick(&fitting) else { continue };
            if incident.winter {
                day = Date::ymd(day.parts().0, 1, 5).plus_days(draw.below(50) as i32);
            }
            if incident.visit.kind.setting == Setting::Ambulatory {
                day = day.on_a_workday();
            }
            let crowded = self.visits.iter().any(|planned| planned.day.days_since(day).abs() <= APART_DAYS);
            if !crowded && day >= from && today.days_since(day) >= SETTLED_DAYS {
                self.visits.push(Planned { day, visit: &incident.visit, incident: Some(incident) });
            }
        }
        self.visits.sort_by_key(|planned| planned.day);
    }

    /// The planned visit that an event at a month belongs to; never a minor illness.
    pub(crate) fn visit_for(&self, month: f64) -> Option<usize> {
        self.next_visit(self.start.plus_months(month).plus_days(-TOLERANCE_DAYS))
    }

    fn next_visit(&self, day: Date) -> Option<usize> {
        self.visits.iter().position(|planned| planned.incident.is_none() && planned.day >= day)
    }

    /// The prescriptions of a course: the first, its yearly renewals, and how each ended.
    pub(crate) fn issues(&self, course: &Course) -> Vec<Issue> {
        let Some(first) = self.visit_for(course.from) else { return Vec::new() };
        if course.stops.is_some_and(|(month, _)| month - course.from <= SHORT_MONTHS) {
            let until = self.visits[first].day.plus_days(course.drug.supply_days as i32);
            return vec![Issue { visit: first, until, status: "completed", short: true }];
        }
        let stop = course.stops.and_then(|(month, _)| self.visit_for(month));
        let mut issues = Vec::new();
        let mut current = first;
        loop {
            let day = self.visits[current].day;
            let next = self.next_visit(day.plus_days(RENEWAL_DAYS));
            let issue = |until, status| Issue { visit: current, until, status, short: false };
            match (next, stop) {
                (Some(next), stop) if stop.is_none_or(|stop| next < stop) => {
                    issues.push(issue(self.visits[next].day, "completed"));
                    current = next;
                }
                (_, Some(stop)) => {
                    issues.push(issue(self.visits[stop].day.max(day), "stopped"));
                    return issues;
                }
                (_, None) => {
                    issues.push(issue(day.plus_days(365), "active"));
                    return issues;
                }
            }
        }
    }

    /// The first out-patient visit of each autumn without a label, for the influenza vaccine.
    pub(crate) fn autumn_visits(&self) -> Vec<usize> {
        let mut visits: Vec<usize> = Vec::new();
        for (place, planned) in self.visits.iter().enumerate() {
            let (year, month, _) = planned.day.parts();
            let same_year = visits.last().is_some_and(|last| self.visits[*last].day.parts().0 == year);
            let open = planned.visit.why.is_none_or(|why| why.label.is_none());
            let outpatient = planned.visit.kind.setting == Setting::Ambulatory && open;
            if month >= 9 && outpatient && planned.incident.is_none() && !same_year {
                visits.push(place);
            }
        }
        visits
    }
}

fn suits(wanted: Option<Sex>, sex: Sex) -> bool {
    wanted.is_none_or(|wanted| wanted == sex)
}
