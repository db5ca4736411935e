//! Median growth of children, coarse: enough for a chart that a parent recognises.

use super::{
    body::along,
    story::{Curve, Sex},
};

/// Boys' length or height in cm by months of age.
const HEIGHT: Curve = &[
    (0.0, 49.9),
    (1.0, 54.7),
    (3.0, 61.4),
    (6.0, 67.6),
    (9.0, 72.0),
    (12.0, 75.7),
    (18.0, 82.3),
    (24.0, 87.5),
    (36.0, 96.1),
    (48.0, 103.3),
    (60.0, 110.0),
    (72.0, 116.0),
    (84.0, 121.8),
    (96.0, 127.4),
    (108.0, 132.7),
    (120.0, 138.0),
    (132.0, 143.3),
    (144.0, 149.2),
];

/// Boys' weight in kg by months of age.
const WEIGHT: Curve = &[
    (0.0, 3.4),
    (1.0, 4.5),
    (3.0, 6.4),
    (6.0, 7.9),
    (9.0, 8.9),
    (12.0, 9.7),
    (18.0, 11.0),
    (24.0, 12.3),
    (36.0, 14.4),
    (48.0, 16.4),
    (60.0, 18.5),
    (72.0, 20.7),
    (84.0, 23.0),
    (96.0, 25.6),
    (108.0, 28.5),
    (120.0, 31.8),
    (132.0, 35.5),
    (144.0, 39.8),
];

/// Head circumference in cm by months of age.
const HEAD: Curve = &[(0.0, 34.3), (3.0, 40.2), (6.0, 42.9), (12.0, 45.7), (24.0, 47.9), (36.0, 49.1)];

/// Girls are a little smaller at these ages.
fn share(sex: Sex, girls: f64) -> f64 {
    if sex == Sex::Female { girls } else { 1.0 }
}

/// Median height in cm.
pub(crate) fn height(months: f64, sex: Sex) -> f64 {
    along(HEIGHT, months) * share(sex, 0.988)
}

/// Median weight in kg.
pub(crate) fn weight(months: f64, sex: Sex) -> f64 {
    along(WEIGHT, months) * share(sex, 0.962)
}

/// Median head circumference in cm.
pub(crate) fn head(months: f64) -> f64 {
    along(HEAD, months)
}
