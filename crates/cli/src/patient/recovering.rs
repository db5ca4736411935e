//! Attempts to recover the person's root: whether there are any, and cancelling them.
//!
//! Every attempt is on the ledger, under a name that the root gives: nobody's word is needed to find it. Sharing the root
//! is done in the portal, whose profile tells all devices to look out.

use super::Session;
use crate::clock::words;
use crate::output::Output;
use anyhow::Context as _;
use salus_types::action::CancelRecovery;
use salus_types::state::{RecoveryEntry, key};
use salus_types::transaction::Transaction;
use salus_types::{OrganisationId, RecoveryId};
use serde_json::{Value, json};

/// Sharings of the root that are looked through at each organisation.
const SHARINGS_MAX: u32 = 32;
/// Attempts at one of them.
const ATTEMPTS_MAX: u32 = 64;
/// How long a transaction may wait to be included, in blocks.
const LIFETIME_BLOCKS: u64 = 2_000;

/// An attempt on the ledger.
struct Attempt {
    organisation: OrganisationId,
    counter: u32,
    recovery: RecoveryId,
    number: u32,
    entry: RecoveryEntry,
}

impl Attempt {
    fn shown(&self, now_ms: u64) -> Value {
        json!({
            "organisation": self.organisation,
            "recovery": self.recovery,
            "number": self.number,
            "timeMs": self.entry.time_ms,
            "readyMs": self.entry.ready_ms,
            "state": self.state(now_ms),
        })
    }

    fn state(&self, now_ms: u64) -> &'static str {
        match self.entry.cancelled {
            Some(_) => "cancelled",
            None if now_ms < self.entry.ready_ms => "waiting",
            None => "ready",
        }
    }

    fn line(&self, now_ms: u64) -> String {
        let (began, ready) = (words(self.entry.time_ms), words(self.entry.ready_ms));
        let state = self.state(now_ms);
        format!(
            "{began}  {:<13} {state:<9} gives its part from {ready}  {}",
            self.organisation, self.recovery
        )
    }
}

impl Session {
    /// A sharing that was never tried leaves no trace, so all numbers are looked at.
    async fn attempts(&self) -> anyhow::Result<Vec<Attempt>> {
        let mut attempts = Vec::new();
        for source in self.sources()? {
            for counter in 0..SHARINGS_MAX {
                let recovery = RecoveryId::of(&self.root.recovery_key(&source.id, counter).public());
                for number in 0..ATTEMPTS_MAX {
                    let entry = self.relay.state(key::recovery(&recovery, number)).await?;
                    let Some(entry) = entry else { break };
                    attempts.push(Attempt {
                        organisation: source.id.clone(),
                        counter,
                        recovery,
                        number,
                        entry,
                    });
                }
            }
        }
        Ok(attempts)
    }
}

pub(super) async fn print(session: &Session, output: Output) -> anyhow::Result<()> {
    let now_ms = session.relay.head().await?.time_ms;
    let attempts = session.attempts().await?;
    let shown: Vec<Value> = attempts.iter().map(|attempt| attempt.shown(now_ms)).collect();
    output.result(&json!({ "attempts": shown }), || {
        let lines: Vec<String> = attempts.iter().map(|attempt| attempt.line(now_ms)).collect();
        if lines.is_empty() {
            "Nobody has tried to recover this record.".to_owned()
        } else {
            lines.join("\n")
        }
    })
}

/// Cancels every attempt of a recovery that is not cancelled yet.
pub(super) async fn cancel(session: &Session, recovery: RecoveryId, output: Output) -> anyhow::Result<()> {
    let attempts = session.attempts().await?;
    let known = attempts.iter().rfind(|attempt| attempt.recovery == recovery);
    known.context("there is no such recovery of this record")?;
    let mut cancelled = Vec::new();
    for attempt in attempts.iter().filter(|one| one.recovery == recovery && one.entry.cancelled.is_none()) {
        let signing = session.root.recovery_key(&attempt.organisation, attempt.counter);
        let valid_until = session.relay.head().await?.height + LIFETIME_BLOCKS;
        let action = CancelRecovery { recovery, number: attempt.number };
        let transaction = Transaction::sign(session.members.network(), &signing, valid_until, action);
        session.relay.submit(&transaction).await?;
        cancelled.push(attempt.number);
    }
    output.result(&json!({ "recovery": recovery, "cancelled": cancelled }), || match cancelled.len() {
        0 => "It was cancelled already.".to_owned(),
        _ => "Cancelled: nobody gets a part of the key by it.".to_owned(),
    })
}
