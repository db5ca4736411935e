//! The patient's body over time: what a measure reads on a day, so that a chart of it shows trend, season and
//! noise, and so that derived values (BMI, eGFR, LDL) agree with what they derive from.

use super::{
    calendar::Date,
    draw::Draw,
    growth,
    story::{Curve, Sex, Story},
    terms::measures::{
        CHOLESTEROL, CREATININE, HDL, HEIGHT, HEMOGLOBIN, Measure, Source, TRIGLYCERIDES, WEIGHT,
    },
};

/// What a measure read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading {
    Number(f64),
    /// Systolic and diastolic.
    Pressure(f64, f64),
    Detected(bool),
}

/// One measure and what it read on one day.
pub(crate) type Seen = Vec<(&'static Measure, Reading)>;

/// How many own offsets a person has; a prime, so that codes spread over them.
const OFFSETS: u32 = 61;

/// A patient's body.
pub(crate) struct Body {
    story: &'static Story,
    sex: Sex,
    birth_date: Date,
    start: Date,
    /// Adult height in cm.
    height: f64,
    /// Weight at the start in kg.
    weight: f64,
    /// How far a child is from the median, as a share.
    growth: f64,
    /// The person's own offsets, in standard deviations; a measure's code chooses one.
    offsets: Vec<f64>,
}

impl Body {
    /// Draws a body for a story that begins at `start`.
    pub(crate) fn draw(
        story: &'static Story,
        sex: Sex,
        birth_date: Date,
        start: Date,
        draw: &mut Draw,
    ) -> Self {
        let mean = if sex == Sex::Female { 163.5 } else { 177.0 };
        let height = mean + 6.0 * draw.wobble();
        let weight = draw.between(story.bmi) * (height / 100.0) * (height / 100.0);
        let growth = 0.025 * draw.wobble();
        let offsets = (0..OFFSETS).map(|_| draw.wobble()).collect();
        Self { story, sex, birth_date, start, height, weight, growth, offsets }
    }

    /// Reads a measure; `seen` holds what was read earlier at the same visit.
    pub(crate) fn read(
        &self,
        measure: &'static Measure,
        day: Date,
        fixed: Option<f64>,
        seen: &Seen,
        draw: &mut Draw,
    ) -> Option<Reading> {
        let number = |of: &Measure| number(seen, of);
        let value = match measure.source {
            Source::Usual => {
                fixed.unwrap_or_else(|| self.level(measure, day)) + measure.noise * draw.wobble()
            }
            Source::Presence => return Some(Reading::Detected(self.centre(measure, day).0 > 0.5)),
            Source::BloodPressure => {
                let systolic =
                    fixed.unwrap_or_else(|| self.level(measure, day)) + measure.noise * draw.wobble();
                let diastolic = 30.0 + 0.39 * systolic + 2.5 * draw.wobble();
                return Some(Reading::Pressure(systolic.round(), diastolic.round()));
            }
            Source::Weight => self.weight(day, draw),
            Source::Height => self.height(day, draw),
            Source::Head => {
                growth::head(self.age_months(day)) * (1.0 + self.growth / 2.0) + 0.1 * draw.wobble()
            }
            Source::Bmi => {
                let metres = number(&HEIGHT).unwrap_or_else(|| self.height(day, draw)) / 100.0;
                number(&WEIGHT)? / (metres * metres)
            }
            Source::Egfr => egfr(number(&CREATININE)?, self.age_months(day) / 12.0, self.sex),
            Source::Ldl => number(&CHOLESTEROL)? - number(&HDL)? - number(&TRIGLYCERIDES)? / 5.0,
            Source::Hematocrit => 2.95 * number(&HEMOGLOBIN)? + 0.4 * draw.wobble(),
        };
        Some(Reading::Number(round(value.max(0.0), measure.decimals)))
    }

    /// The curve (or the usual) on a day, with the person's offset and the season.
    fn level(&self, measure: &Measure, day: Date) -> f64 {
        let (centre, spread) = self.centre(measure, day);
        centre + spread * self.offset(measure) + measure.winter * day.winter()
    }

    fn centre(&self, measure: &Measure, day: Date) -> (f64, f64) {
        let own = self.story.levels.iter().find(|level| level.of.code == measure.code);
        own.map_or(measure.usual, |level| (along(level.curve, day.months_since(self.start)), level.spread))
    }

    fn offset(&self, measure: &Measure) -> f64 {
        let place = measure.code.code.bytes().fold(0, |sum, byte| (sum * 31 + u32::from(byte)) % OFFSETS);
        self.offsets[place as usize]
    }

    fn age_months(&self, day: Date) -> f64 {
        day.months_since(self.birth_date)
    }

    fn weight(&self, day: Date, draw: &mut Draw) -> f64 {
        if self.story.months.is_none() {
            let median = growth::weight(self.age_months(day), self.sex);
            return median * (1.0 + 2.5 * self.growth) * (1.0 + 0.008 * draw.wobble());
        }
        let change = along(self.story.weight, day.months_since(self.start));
        self.weight + change + 0.5 * day.winter() + 0.4 * draw.wobble()
    }

    fn height(&self, day: Date, draw: &mut Draw) -> f64 {
        if self.story.months.is_none() {
            return growth::height(self.age_months(day), self.sex) * (1.0 + self.growth)
                + 0.15 * draw.wobble();
        }
        // Adults are measured to half a centimetre.
        (2.0 * (self.height + 0.15 * draw.wobble())).round() / 2.0
    }
}

/// The number that a measure read earlier at the same visit.
pub(crate) fn number(seen: &Seen, of: &Measure) -> Option<f64> {
    seen.iter().rev().find_map(|(measure, reading)| match reading {
        Reading::Number(value) if measure.code == of.code => Some(*value),
        _ => None,
    })
}

/// The value of a curve at a month.
pub(crate) fn along(curve: Curve, month: f64) -> f64 {
    let after = curve.iter().position(|(at, _)| *at >= month);
    match after {
        Some(0) => curve[0].1,
        Some(next) => {
            let ((from, low), (to, high)) = (curve[next - 1], curve[next]);
            low + (high - low) * (month - from) / (to - from)
        }
        None => curve.last().map_or(0.0, |(_, value)| *value),
    }
}

/// CKD-EPI 2021 without race: mg/dL, years -> mL/min/1.73 m² (NEJM 2021;385:1737).
fn egfr(creatinine: f64, age: f64, sex: Sex) -> f64 {
    let (kappa, alpha, factor) = if sex == Sex::Female { (0.7, -0.241, 1.012) } else { (0.9, -0.302, 1.0) };
    let ratio = creatinine / kappa;
    142.0 * ratio.min(1.0).powf(alpha) * ratio.max(1.0).powf(-1.2) * 0.9938_f64.powf(age) * factor
}

fn round(value: f64, decimals: u8) -> f64 {
    let scale = f64::from(10_u32.pow(u32::from(decimals)));
    (value * scale).round() / scale
}
