//! `$import`: records from NDJSON files, of the operator's folder or below URLs that the operator listed.
//!
//! Upon a request of a client or a steward: a job, on disk before the answer. A task works on one after the other
//! ([`work`]): each resource is written under its own id with the right that whoever began it has at that moment, and is
//! sealed and anchored as any other. A line that is not taken is in the job's dead letters.
//!
//! Architecture invariant: no file and no URL is opened but what `fetch` allows; nothing is written but by the engine's API.

mod desk;
mod fetch;
mod line;
mod rows;
mod source;
mod work;

pub(crate) use desk::{begin, delete, errors, status};
pub(super) use desk::{staff_begin, staff_list, staff_stop};

use super::sealed::{self, Folder};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use rows::{Done, IMPORTS, Job, State};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Folder of copies and dead letters.
const IMPORT_FILES: &str = "imports";
/// Pause before what passes is tried again.
const PAUSE: Duration = Duration::from_secs(5);
/// How often what has ended is looked for.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// The imports of this node.
#[derive(Default)]
pub(crate) struct Imports {
    /// The one that is worked on.
    running: Mutex<Option<(String, Arc<Progress>)>>,
    news: Notify,
}

/// How far the work is, beyond what is on disk.
#[derive(Default)]
pub(crate) struct Progress {
    source: AtomicU64,
    lines: AtomicU64,
    written: AtomicU64,
    same: AtomicU64,
    refused: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    fn at(&self, source: usize) {
        self.source.store(source as u64, Ordering::Relaxed);
    }

    fn of(&self, done: &Done) {
        self.lines.store(done.lines, Ordering::Relaxed);
        self.written.store(done.written, Ordering::Relaxed);
        self.same.store(done.same, Ordering::Relaxed);
        self.refused.store(done.refused, Ordering::Relaxed);
    }

    fn done(&self) -> Done {
        Done {
            sources: usize::try_from(self.source.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
            lines: self.lines.load(Ordering::Relaxed),
            written: self.written.load(Ordering::Relaxed),
            same: self.same.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

impl Imports {
    fn progress(&self, job: &str) -> Option<Arc<Progress>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().filter(|(id, _)| id == job).map(|(_, progress)| Arc::clone(progress))
    }

    fn set(&self, running: Option<(String, Arc<Progress>)>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }
}

/// Works for as long as it is polled.
pub(super) async fn run(gateway: Gateway) {
    loop {
        let again = match round(&gateway).await {
            Ok(again) => again,
            Err(error) => {
                tracing::warn!(%error, "an import waits");
                true
            }
        };
        let pause = if again { PAUSE } else { LOOK_INTERVAL };
        tokio::select! {
            () = gateway.bulk.imports.news.notified() => (),
            () = tokio::time::sleep(pause) => (),
        }
    }
}

/// Works on all that waits; whether something is left that may pass.
async fn round(gateway: &Gateway) -> Result<bool> {
    tidy(gateway).await?;
    let mut waiting: Vec<Job> = jobs(gateway)?;
    waiting.retain(|job| job.state == State::Waiting);
    waiting.sort_by_key(|job| job.begun_ms);
    let mut left = false;
    for job in waiting {
        left |= !carry_out(gateway, job).await?;
    }
    Ok(left)
}

fn jobs(gateway: &Gateway) -> Result<Vec<Job>> {
    let rows = gateway.store.read(|tx| IMPORTS.scan(tx, "", usize::MAX))?;
    Ok(rows.into_iter().map(|(_, job)| job).collect())
}

/// Works on a job; false if it has to wait.
async fn carry_out(gateway: &Gateway, mut job: Job) -> Result<bool> {
    let id = job.id.clone();
    let progress = Arc::new(Progress::default());
    progress.at(job.done.sources);
    progress.of(&job.done);
    gateway.bulk.imports.set(Some((id.clone(), Arc::clone(&progress))));
    job.attempts = job.attempts.saturating_add(1);
    let outcome = match keep(gateway, &job).await {
        Ok(true) => work::go(gateway, job, &progress).await.map(drop),
        Ok(false) => Err(Error::new(Code::Conflict, "the import ended meanwhile")),
        Err(error) => Err(error),
    };
    gateway.bulk.imports.set(None);
    let ended_ms = clock::now_ms();
    let state = match outcome {
        Ok(()) => State::Complete { ended_ms },
        Err(error) => match error.code() {
            Code::Away | Code::Timeout | Code::Throttled => return Ok(false),
            Code::Conflict if progress.is_stopped() => State::Stopped { ended_ms },
            Code::Conflict => return Ok(true),
            _ => State::Failed { ended_ms, why: error.message().to_owned() },
        },
    };
    end(gateway, &id, state).await?;
    Ok(true)
}

/// Keeps how far a job is; false if it was removed or has ended meanwhile.
async fn keep(gateway: &Gateway, job: &Job) -> Result<bool> {
    let job = job.clone();
    gateway
        .store
        .write(move |tx| {
            let kept = IMPORTS.get_mut(tx, &job.id)?;
            let waits = kept.is_some_and(|kept| kept.state == State::Waiting);
            if waits {
                IMPORTS.put(tx, &job.id, &job)?;
            }
            Ok(waits)
        })
        .await
}

/// Ends a job that waits; copies of sources go at once.
async fn end(gateway: &Gateway, id: &str, state: State) -> Result<()> {
    let key = id.to_owned();
    let job = gateway
        .store
        .write(move |tx| {
            let Some(mut job) = IMPORTS.get_mut(tx, &key)?.filter(|job| job.state == State::Waiting) else {
                return Ok::<_, Error>(None);
            };
            job.state = state;
            IMPORTS.put(tx, &key, &job)?;
            Ok(Some(job))
        })
        .await?;
    let folder = Folder::of(gateway, IMPORT_FILES, id);
    for number in 0..job.map_or(0, |job| job.sources.len()) {
        folder.forget(&source::copy(number)).map_err(Error::internal)?;
    }
    Ok(())
}

/// Stops a job that has not ended: at once if it waits, after the piece at hand if it is worked on.
async fn stop(gateway: &Gateway, id: &str) -> Result<()> {
    match gateway.bulk.imports.progress(id) {
        Some(progress) => {
            progress.stopped.store(true, Ordering::Release);
            Ok(())
        }
        None => end(gateway, id, State::Stopped { ended_ms: clock::now_ms() }).await,
    }
}

/// Removes what ended long ago, and folders that belong to no job.
async fn tidy(gateway: &Gateway) -> Result<()> {
    let kept_ms = u64::try_from(gateway.config.bulk.import_kept.as_millis()).unwrap_or(u64::MAX);
    let now_ms = clock::now_ms();
    let over = |job: &Job| job.ended_ms().is_some_and(|ended_ms| ended_ms.saturating_add(kept_ms) <= now_ms);
    for job in jobs(gateway)?.iter().filter(|job| over(job)) {
        remove(gateway, &job.id).await?;
    }
    let known: Vec<String> = jobs(gateway)?.into_iter().map(|job| job.id).collect();
    let folder = sealed::all(gateway, IMPORT_FILES);
    sealed::remove_unknown(&folder, |name| known.iter().any(|id| id == name)).map_err(Error::internal)
}

/// Removes a job with its dead letters.
async fn remove(gateway: &Gateway, id: &str) -> Result<()> {
    let key = id.to_owned();
    gateway.store.write(move |tx| IMPORTS.take(tx, &key).map(drop)).await?;
    Folder::of(gateway, IMPORT_FILES, id).remove().map_err(Error::internal)
}

/// Works once on all that waits; whether something is left.
#[cfg(test)]
pub(super) async fn testing_round(gateway: &Gateway) -> bool {
    round(gateway).await.expect("round")
}
