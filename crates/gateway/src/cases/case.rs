//! One case and its clock: what may follow upon what. No I/O.
//!
//! Upon a letter: *open*, with the time by which the organisation answers.
//! Upon an answer: *accepted* or *refused*; a refused amendment needs one of the law's grounds, and the patient may
//! disagree, once. Upon the patient's word: *withdrawn* while open; an accepted restriction is *lifted*, by the patient or
//! by the organisation, which gives notice.

use crate::erasure::Scope;
use salus_types::AppointmentId;
use salus_types::erasure::ErasureGround;
use serde::{Deserialize, Serialize};

/// A day in milliseconds.
const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// Longest text in characters.
pub(super) const WORDS_CHARS_MAX: usize = 4_000;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Kind {
    /// That a record be corrected (45 CFR 164.526, GDPR 16).
    Amendment {
        /// The record.
        record: Record,
        /// What is wrong with it.
        wrong: String,
        /// What would be right.
        right: String,
    },
    /// That the record be kept and not used (GDPR 18, 45 CFR 164.522(a)).
    Restriction {
        /// Why.
        reason: String,
    },
    /// That records be erased (GDPR 17).
    Erasure {
        /// Which.
        scope: Scope,
        /// Why.
        reason: String,
    },
}

impl Kind {
    /// Days within which an answer is due, and days by which that may be put off once: 45 CFR 164.526(b)(2), GDPR 12(3).
    fn days(&self) -> (u64, u64) {
        match self {
            Self::Amendment { .. } => (60, 30),
            Self::Restriction { .. } | Self::Erasure { .. } => (30, 60),
        }
    }
}

/// A version of a FHIR resource of this organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// FHIR type.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Logical id.
    pub(super) id: String,
    /// Version.
    pub(super) version: String,
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// It waits for an answer.
    Open,
    /// Done as asked. A restriction holds.
    Accepted,
    /// Not done, for a reason.
    Refused,
    /// Taken back by the patient before an answer.
    Withdrawn,
    /// A restriction that holds no more.
    Lifted,
}

/// Why an amendment may be refused: 45 CFR 164.526(a)(2); and an erasure: GDPR 17(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ground {
    /// The record is accurate and complete.
    Accurate,
    /// Another organisation made it, which can be asked.
    NotOurs,
    /// It is not part of what decisions about the patient are made from.
    NotPart,
    /// The patient has no right to inspect it.
    NotOpen,
    /// A law obliges to keep it (b).
    Retention,
    /// Public health, archives or research in the public interest need it (c, d).
    PublicInterest,
    /// It is needed for legal claims (e).
    Claims,
}

impl Ground {
    fn is_of(self, asked: &Kind) -> bool {
        let erasure = matches!(self, Self::Retention | Self::PublicInterest | Self::Claims);
        match asked {
            Kind::Amendment { .. } => !erasure,
            Kind::Restriction { .. } => false,
            Kind::Erasure { .. } => erasure,
        }
    }
}

/// What the organisation answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Answer {
    /// Whether it is done as asked.
    pub(super) accept: bool,
    /// Why not; of a refused amendment or erasure.
    pub(super) ground: Option<Ground>,
    /// In words, for the patient.
    pub(super) words: String,
    /// The record that corrects; of an accepted amendment, where there is one.
    pub(super) corrected: Option<Record>,
    /// Why it is erased; of an accepted erasure. At the patient's request, if nothing is said.
    pub(super) basis: Option<ErasureGround>,
}

/// A case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Case {
    /// Its name: the time of receipt and random digits, so that names are in order.
    pub(super) id: String,
    /// FHIR Patient id here.
    pub(super) patient: String,
    /// Who asked for the patient, if the patient did not.
    #[serde(default)]
    pub(super) by: Option<AppointmentId>,
    /// What is asked for.
    pub(super) asked: Kind,
    /// Where it stands.
    pub(super) state: State,
    /// When it came, in milliseconds since 1970-01-01 UTC.
    pub(super) received_ms: u64,
    /// When an answer is due.
    pub(super) due_ms: u64,
    /// Why the time was extended, if it was.
    pub(super) extended: Option<String>,
    /// The answer, and when it was given.
    pub(super) answer: Option<(Answer, u64)>,
    /// What the patient says to a refusal.
    pub(super) disagreement: Option<String>,
    /// Why and when a restriction was lifted, or a case withdrawn.
    pub(super) ended: Option<(String, u64)>,
}

/// Why a step is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The case is not in a state for it.
    #[error("this has been answered or has ended already")]
    State,
    /// A text is missing or too long.
    #[error("say why, in at most 4,000 characters")]
    Words,
    /// A refused amendment or erasure needs one of the law's grounds, and nothing else has one.
    #[error("this is refused on one of the law's grounds for it")]
    Ground,
    /// Only once.
    #[error("this can be done once only")]
    Once,
}

/// Words that are there and not too long.
pub(super) fn words(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= WORDS_CHARS_MAX;
    fits.then(|| text.to_owned()).ok_or(Refusal::Words)
}

impl Case {
    /// A new case.
    ///
    /// # Errors
    /// [`Refusal::Words`].
    pub(super) fn open(id: String, patient: String, asked: Kind, now_ms: u64) -> Result<Self, Refusal> {
        let asked = match asked {
            Kind::Amendment { record, wrong, right } => {
                Kind::Amendment { record, wrong: words(&wrong)?, right: words(&right)? }
            }
            Kind::Restriction { reason } => Kind::Restriction { reason: words(&reason)? },
            Kind::Erasure { scope, reason } => Kind::Erasure { scope, reason: words(&reason)? },
        };
        let due_ms = now_ms + asked.days().0 * DAY_MS;
        Ok(Self {
            id,
            patient,
            by: None,
            asked,
            state: State::Open,
            received_ms: now_ms,
            due_ms,
            extended: None,
            answer: None,
            disagreement: None,
            ended: None,
        })
    }

    /// Whether it is a restriction that holds.
    pub(super) fn restricts(&self) -> bool {
        self.state == State::Accepted && matches!(self.asked, Kind::Restriction { .. })
    }

    fn is_open(&self) -> Result<(), Refusal> {
        if self.state == State::Open { Ok(()) } else { Err(Refusal::State) }
    }

    /// The organisation answers.
    ///
    /// # Errors
    /// [`Refusal`]; nothing changes then.
    pub(super) fn answer(&mut self, answer: Answer, now_ms: u64) -> Result<(), Refusal> {
        self.is_open()?;
        let amendment = matches!(self.asked, Kind::Amendment { .. });
        let erasure = matches!(self.asked, Kind::Erasure { .. });
        let needs_ground = !answer.accept && (amendment || erasure);
        if answer.ground.is_some() != needs_ground
            || answer.ground.is_some_and(|ground| !ground.is_of(&self.asked))
            || (answer.corrected.is_some() && !(amendment && answer.accept))
            || (answer.basis.is_some() && !(erasure && answer.accept))
        {
            return Err(Refusal::Ground);
        }
        let answer = Answer { words: words(&answer.words)?, ..answer };
        self.state = if answer.accept { State::Accepted } else { State::Refused };
        self.answer = Some((answer, now_ms));
        Ok(())
    }

    /// The organisation takes more time, once.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn extend(&mut self, why: &str) -> Result<(), Refusal> {
        self.is_open()?;
        if self.extended.is_some() {
            return Err(Refusal::Once);
        }
        self.extended = Some(words(why)?);
        self.due_ms += self.asked.days().1 * DAY_MS;
        Ok(())
    }

    /// The patient disagrees with a refusal, once.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn disagree(&mut self, statement: &str) -> Result<(), Refusal> {
        if self.state != State::Refused {
            return Err(Refusal::State);
        }
        if self.disagreement.is_some() {
            return Err(Refusal::Once);
        }
        self.disagreement = Some(words(statement)?);
        Ok(())
    }

    /// The patient takes it back before it is answered.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn withdraw(&mut self, now_ms: u64) -> Result<(), Refusal> {
        self.is_open()?;
        self.state = State::Withdrawn;
        self.ended = Some(("withdrawn by the patient".into(), now_ms));
        Ok(())
    }

    /// A restriction ends.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn lift(&mut self, why: &str, now_ms: u64) -> Result<(), Refusal> {
        if !self.restricts() {
            return Err(Refusal::State);
        }
        self.ended = Some((words(why)?, now_ms));
        self.state = State::Lifted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(kind: &str) -> Case {
        let record = Record { kind: "Observation".into(), id: "o1".into(), version: "1".into() };
        let asked = match kind {
            "amendment" => Kind::Amendment { record, wrong: "not mine".into(), right: "mine".into() },
            "erasure" => Kind::Erasure { scope: Scope::Everything {}, reason: "it is mine".into() },
            _ => Kind::Restriction { reason: "I contest it".into() },
        };
        Case::open("1".into(), "p1".into(), asked, 1_000).expect("a case")
    }

    fn answer(accept: bool, ground: Option<Ground>) -> Answer {
        Answer { accept, ground, words: "because".into(), corrected: None, basis: None }
    }

    /// One line: kind, steps, and the outcome of the last of them.
    #[track_caller]
    fn check(line: &str, expected: Result<State, Refusal>) {
        let mut steps = line.split(' ');
        let mut case = case(steps.next().expect("a kind"));
        let mut last = Ok(());
        for step in steps {
            assert_eq!(last, Ok(()), "{line}");
            let before = case.clone();
            last = match step {
                "accept" => case.answer(answer(true, None), 2_000),
                "refuse" => case.answer(answer(false, None), 2_000),
                "refuse-on-ground" => case.answer(answer(false, Some(Ground::Accurate)), 2_000),
                "refuse-by-law" => case.answer(answer(false, Some(Ground::Retention)), 2_000),
                "accept-as-unlawful" => {
                    let basis = Some(ErasureGround::Unlawful);
                    case.answer(Answer { basis, ..answer(true, None) }, 2_000)
                }
                "accept-on-ground" => case.answer(answer(true, Some(Ground::Accurate)), 2_000),
                "extend" => case.extend("more to look at"),
                "disagree" => case.disagree("it is not"),
                "withdraw" => case.withdraw(3_000),
                "lift" => case.lift("it is settled", 4_000),
                other => panic!("{other}"),
            };
            if last.is_err() {
                assert_eq!(case, before, "{line}: a refused step changes nothing");
            }
        }
        assert_eq!(last.map(|()| case.state), expected, "{line}");
    }

    #[test]
    fn what_may_follow_upon_what() {
        use Refusal::{Ground, Once, State as Wrong};
        check("amendment accept", Ok(State::Accepted));
        check("amendment refuse", Err(Ground));
        check("amendment accept-on-ground", Err(Ground));
        check("amendment refuse-on-ground", Ok(State::Refused));
        check("amendment refuse-on-ground disagree", Ok(State::Refused));
        check("amendment refuse-on-ground disagree disagree", Err(Once));
        check("amendment refuse-on-ground accept", Err(Wrong));
        check("amendment accept disagree", Err(Wrong));
        check("amendment accept lift", Err(Wrong));
        check("amendment withdraw", Ok(State::Withdrawn));
        check("amendment withdraw accept", Err(Wrong));
        check("amendment accept withdraw", Err(Wrong));
        check("amendment extend", Ok(State::Open));
        check("amendment extend extend", Err(Once));
        check("amendment accept extend", Err(Wrong));
        check("amendment refuse-by-law", Err(Ground));
        check("amendment accept-as-unlawful", Err(Ground));
        check("erasure accept", Ok(State::Accepted));
        check("erasure accept-as-unlawful", Ok(State::Accepted));
        check("erasure accept-on-ground", Err(Ground));
        check("erasure refuse", Err(Ground));
        check("erasure refuse-on-ground", Err(Ground));
        check("erasure refuse-by-law disagree", Ok(State::Refused));
        check("erasure accept withdraw", Err(Wrong));
        check("erasure accept lift", Err(Wrong));
        check("restriction accept-as-unlawful", Err(Ground));
        check("restriction accept", Ok(State::Accepted));
        check("restriction accept lift", Ok(State::Lifted));
        check("restriction accept lift lift", Err(Wrong));
        check("restriction lift", Err(Wrong));
        check("restriction refuse", Ok(State::Refused));
        check("restriction refuse-on-ground", Err(Ground));
    }

    #[test]
    fn clocks_are_the_laws() {
        for (kind, first, more) in [("amendment", 60, 30), ("restriction", 30, 60), ("erasure", 30, 60)] {
            let mut case = case(kind);
            assert_eq!(case.due_ms, 1_000 + first * DAY_MS);
            case.extend("more to look at").expect("extended");
            assert_eq!(case.due_ms, 1_000 + (first + more) * DAY_MS);
        }
    }

    #[test]
    fn words_are_there_and_not_too_long() {
        let long = "x".repeat(WORDS_CHARS_MAX + 1);
        for text in ["", "  \n", long.as_str()] {
            assert_eq!(words(text), Err(Refusal::Words));
            assert_eq!(case("amendment").extend(text), Err(Refusal::Words));
            let asked = Kind::Restriction { reason: text.into() };
            assert_eq!(Case::open("1".into(), "p1".into(), asked, 0), Err(Refusal::Words));
        }
        assert_eq!(words(&format!(" {} ", &long[1..])).expect("fits").len(), WORDS_CHARS_MAX);
    }
}
