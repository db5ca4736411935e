//! Security labels of protected information (HL7 v3 ActCode), which a category table maps to consent categories.

use super::{coding, system};
use serde_json::{Value, json};

/// A protected category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// Treatment of a substance use disorder: 42 CFR Part 2.
    SubstanceUse,
    /// Psychiatry and mental health.
    MentalHealth,
    /// HIV.
    Hiv,
    /// Sexual and reproductive health.
    Reproductive,
}

impl Label {
    /// The ActCode codes with their displays.
    fn codes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Label::SubstanceUse => &[
                ("ETH", "substance abuse information sensitivity"),
                ("SUD", "substance use disorder information sensitivity"),
                ("42CFRPart2", "42 CFR Part2"),
            ],
            Label::MentalHealth => &[
                ("PSY", "psychiatry disorder information sensitivity"),
                ("MH", "mental health information sensitivity"),
            ],
            Label::Hiv => &[("HIV", "HIV/AIDS information sensitivity")],
            Label::Reproductive => &[("SEX", "sexuality and reproductive health information sensitivity")],
        }
    }

    /// `meta.security`: the label's codes and `R` (restricted).
    pub(crate) fn security(self) -> Value {
        let codes = self.codes().iter().map(|(code, display)| coding(system::ACT, code, display));
        let restricted = coding(system::CONFIDENTIALITY, "R", "restricted");
        Value::Array(codes.chain([restricted]).collect())
    }
}

/// The resource with the label in `meta.security`, if there is one.
pub(crate) fn labelled(mut resource: Value, label: Option<Label>) -> Value {
    if let Some(label) = label {
        resource["meta"] = json!({ "security": label.security() });
    }
    resource
}
