//! The life stories, one file each. To add one: a file with a `Story`, and a line in [`STORIES`].

mod asthma;
mod breast_cancer;
mod copd;
mod depression;
mod diabetes;
mod healthy;
mod hip_replacement;
mod hiv;
mod hypertension;
mod hypothyroidism;
mod kidney_disease;
mod opioid_recovery;
mod penicillin_allergy;
mod pregnancy;

use super::{story::Story, terms::measures::*};

/// All life stories.
pub(crate) static STORIES: &[&Story] = &[
    &diabetes::STORY,
    &hypertension::STORY,
    &asthma::STORY,
    &pregnancy::STORY,
    &copd::STORY,
    &hypothyroidism::STORY,
    &kidney_disease::STORY,
    &breast_cancer::STORY,
    &depression::STORY,
    &penicillin_allergy::STORY,
    &opioid_recovery::STORY,
    &hiv::STORY,
    &hip_replacement::STORY,
    &healthy::STORY,
];

/// Taken at every ordinary visit of an adult.
const ROUTINE: &[&Measure] = &[&BLOOD_PRESSURE, &HEART_RATE, &WEIGHT, &BMI];

/// Taken at a check-up of an adult.
const FULL: &[&Measure] = &[&BLOOD_PRESSURE, &HEART_RATE, &WEIGHT, &HEIGHT, &BMI];

/// Taken where only pressure and weight matter.
const BRIEF: &[&Measure] = &[&BLOOD_PRESSURE, &WEIGHT];
