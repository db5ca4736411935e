//! Civil dates without a clock: "today" is always handed in.

/// Minutes of one day.
const DAY_MINUTES: u32 = 24 * 60;

/// One offset for both hospitals, so that a rendered time never depends on the machine.
const OFFSET: &str = "-05:00";

/// A day in the Gregorian calendar, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date(i32);

impl Date {
    /// The day of a year, a month (1-12) and a day (1-31); out-of-range parts are clamped.
    pub(crate) fn ymd(year: i32, month: u32, day: u32) -> Self {
        let month = month.clamp(1, 12) as i32;
        let shifted = if month <= 2 { year - 1 } else { year };
        let era = shifted.div_euclid(400);
        let year_of_era = shifted.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.clamp(1, 31) as i32 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * 146_097 + day_of_era - 719_468)
    }

    /// Year, month and day.
    pub(crate) fn parts(self) -> (i32, u32, u32) {
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let part = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * part + 2) / 5 + 1;
        let month = if part < 10 { part + 3 } else { part - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (year, month as u32, day as u32)
    }

    /// This day moved by days, forwards or backwards.
    pub(crate) fn plus_days(self, days: i32) -> Self {
        Self(self.0 + days)
    }

    /// This day moved by months of 30.4375 days.
    pub(crate) fn plus_months(self, months: f64) -> Self {
        Self(self.0 + (months * 30.4375).round() as i32)
    }

    /// Months of 30.4375 days from `earlier` to this day.
    pub(crate) fn months_since(self, earlier: Date) -> f64 {
        f64::from(self.0 - earlier.0) / 30.4375
    }

    /// Days from `earlier` to this day.
    pub(crate) fn days_since(self, earlier: Date) -> i32 {
        self.0 - earlier.0
    }

    /// The same day, or the Monday after it where it falls on a weekend.
    pub(crate) fn on_a_workday(self) -> Self {
        match (self.0 + 3).rem_euclid(7) {
            5 => self.plus_days(2),
            6 => self.plus_days(1),
            _ => self,
        }
    }

    /// How much it is winter (northern): 1 in mid-January, -1 in mid-July, smooth between.
    pub(crate) fn winter(self) -> f64 {
        let year = self.parts().0;
        let part = f64::from(self.0 - Date::ymd(year, 1, 15).0) / 365.25;
        let distance = (2.0 * part.rem_euclid(1.0) - 1.0).abs();
        2.0 * distance * distance * (3.0 - 2.0 * distance) - 1.0
    }

    /// FHIR `date`: `2024-03-01`.
    pub(crate) fn iso(self) -> String {
        let (year, month, day) = self.parts();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// FHIR `dateTime` and `instant`: this day at a minute, which may run over into later days.
    pub(crate) fn at(self, minute: u32) -> String {
        let day = self.plus_days((minute / DAY_MINUTES) as i32);
        let minute = minute % DAY_MINUTES;
        format!("{}T{:02}:{:02}:00{OFFSET}", day.iso(), minute / 60, minute % 60)
    }
}
