//! `$export` (Bulk Data Access 2.0): a backend client gets the records of many patients as files.
//!
//! Upon kick-off: a job, on disk before the answer. A task works on it ([`work`]): every page is read with the client's
//! rights of that moment, through the same decisions as a request. Then the files lie sealed in the node's folder until the
//! job is deleted, its time is over, or something in it may be used no longer.
//!
//! Architecture invariant: a file is given to the client that began the job, and only while its token reaches the file's
//! type; nothing is looked up by a name from outside but in the job's own list.

mod ask;
mod desk;
mod rows;
mod sink;
mod work;

pub(crate) use ask::{of_body as parameters_of, prefers as http_prefers};
pub(crate) use desk::{begin, delete, file, status};

use super::sealed::{self, Folder};
use crate::cases;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use rows::{EXPORTS, Job, State};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Folder of the files.
const EXPORT_FILES: &str = "exports";
/// Exports that are worked on at once.
const RUNNING_MAX: usize = 2;
/// How often an export is begun before it is given up.
const ATTEMPTS_MAX: u32 = 5;
/// Pause after a fault of this node.
const PAUSE: Duration = Duration::from_secs(5);
/// How often what has ended is looked for.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// The exports of this node.
#[derive(Default)]
pub(crate) struct Exports {
    /// Those that are worked on.
    running: Mutex<HashMap<String, Arc<Progress>>>,
    news: Notify,
}

/// How far the work is.
#[derive(Default)]
pub(crate) struct Progress {
    kind: Mutex<String>,
    records: AtomicU64,
    /// The files may not be used: begin again, or stop if the job is gone.
    stale: AtomicBool,
}

impl Progress {
    fn at(&self, kind: &str) {
        kind.clone_into(&mut self.kind.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn records(&self, count: u64) {
        self.records.store(count, Ordering::Relaxed);
    }

    fn words(&self) -> String {
        let kind = self.kind.lock().unwrap_or_else(PoisonError::into_inner).clone();
        format!("{} records, at {kind}", self.records.load(Ordering::Relaxed))
    }

    fn check(&self) -> Result<()> {
        match self.stale.load(Ordering::Acquire) {
            true => Err(work::again()),
            false => Ok(()),
        }
    }
}

impl Exports {
    fn progress(&self, job: &str) -> Option<Arc<Progress>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).get(job).cloned()
    }

    /// Takes a job in hand; `None` if somebody has it.
    fn claim(&self, job: &str) -> Option<Arc<Progress>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.contains_key(job) {
            return None;
        }
        let progress = Arc::new(Progress::default());
        running.insert(job.to_owned(), Arc::clone(&progress));
        Some(progress)
    }

    fn release(&self, job: &str) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(job);
    }

    fn make_stale(&self, job: Option<&str>) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, progress) in running.iter().filter(|(id, _)| job.is_none_or(|job| job == *id)) {
            progress.stale.store(true, Ordering::Release);
        }
    }
}

/// Works for as long as it is polled.
pub(super) async fn run(gateway: Gateway) {
    let mut tasks = JoinSet::new();
    loop {
        if let Err(error) = tidy(&gateway).await {
            tracing::warn!(%error, "exports that have ended are not removed yet");
        }
        while tasks.len() < RUNNING_MAX {
            match next(&gateway) {
                Ok(Some((job, progress))) => {
                    let gateway = gateway.clone();
                    tasks.spawn(async move { carry_out(&gateway, job, &progress).await });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "an export waits");
                    break;
                }
            }
        }
        tokio::select! {
            () = gateway.bulk.exports.news.notified() => (),
            Some(_) = tasks.join_next() => (),
            () = tokio::time::sleep(LOOK_INTERVAL) => (),
        }
    }
}

/// The oldest job that waits and nobody works on.
fn next(gateway: &Gateway) -> Result<Option<(Job, Arc<Progress>)>> {
    let mut jobs = jobs(gateway)?;
    jobs.retain(|job| matches!(job.state, State::Waiting));
    jobs.sort_by_key(|job| job.transaction_ms);
    let mut claimed = jobs.into_iter().map(|job| (gateway.bulk.exports.claim(&job.id), job));
    Ok(claimed.find_map(|(progress, job)| progress.map(|progress| (job, progress))))
}

fn jobs(gateway: &Gateway) -> Result<Vec<Job>> {
    let rows = gateway.store.read(|tx| EXPORTS.scan(tx, "", usize::MAX))?;
    Ok(rows.into_iter().map(|(_, job)| job).collect())
}

/// Works on a job until its end is on disk.
async fn carry_out(gateway: &Gateway, job: Job, progress: &Arc<Progress>) {
    let id = job.id.clone();
    if let Err(error) = attempt(gateway, job, progress).await {
        tracing::warn!(%error, "an export begins again");
        if error.code() != Code::Conflict {
            tokio::time::sleep(PAUSE).await;
        }
    }
    gateway.bulk.exports.release(&id);
    gateway.bulk.exports.news.notify_one();
}

async fn attempt(gateway: &Gateway, mut job: Job, progress: &Arc<Progress>) -> Result<()> {
    job.attempts += 1;
    job.hidden = cases::restricted(gateway)?;
    job.transaction_ms = work::transaction_ms();
    let made = match keep(gateway, &job, None).await? {
        false => return Ok(()),
        true if job.attempts > ATTEMPTS_MAX => {
            Err(Error::new(Code::Internal, "the export was begun too often without getting to its end"))
        }
        true => work::make(gateway, &job, progress).await,
    };
    let ended_ms = clock::now_ms();
    job.state = match made {
        Ok(files) => State::Complete { ended_ms, files },
        Err(error) if error.code() == Code::Conflict => return Err(error),
        Err(error) => State::Failed { ended_ms, why: error.message().to_owned() },
    };
    let kept = keep(gateway, &job, Some(Arc::clone(progress))).await;
    if !matches!((&kept, &job.state), (Ok(true), State::Complete { .. })) {
        Folder::of(gateway, EXPORT_FILES, &job.id).remove().map_err(Error::internal)?;
    }
    kept.map(drop)
}

/// Keeps what became of a job; false if it was deleted meanwhile. With `progress`: only if nothing was withdrawn since.
async fn keep(gateway: &Gateway, job: &Job, progress: Option<Arc<Progress>>) -> Result<bool> {
    let job = job.clone();
    gateway
        .store
        .write(move |tx| {
            if EXPORTS.get_mut(tx, &job.id)?.is_none() {
                return Ok(false);
            }
            if let Some(progress) = progress {
                progress.check()?;
            }
            EXPORTS.put(tx, &job.id, &job)?;
            Ok(true)
        })
        .await
}

/// Records may be used no longer: what was exported before is given to nobody, and what is being exported begins again.
///
/// # Errors
/// A fault of the store.
pub(crate) async fn withdraw(gateway: &Gateway) -> Result<()> {
    gateway.bulk.exports.make_stale(None);
    for job in jobs(gateway)?.into_iter().filter(|job| matches!(job.state, State::Complete { .. })) {
        end(gateway, job).await?;
    }
    Ok(())
}

/// Ends a complete job whose files may not be used.
async fn end(gateway: &Gateway, mut job: Job) -> Result<()> {
    let folder = Folder::of(gateway, EXPORT_FILES, &job.id);
    job.state = State::Withdrawn { ended_ms: clock::now_ms() };
    keep(gateway, &job, None).await?;
    folder.remove().map_err(Error::internal)
}

/// Whether a patient's use was restricted after a job read the records.
fn is_restricted_since(gateway: &Gateway, job: &Job) -> Result<bool> {
    Ok(cases::restricted(gateway)?.iter().any(|patient| !job.hidden.contains(patient)))
}

/// Until when a job that has ended is kept.
fn expiry_ms(gateway: &Gateway, ended_ms: u64) -> u64 {
    let kept_ms = u64::try_from(gateway.config.bulk.export_kept.as_millis()).unwrap_or(u64::MAX);
    ended_ms.saturating_add(kept_ms)
}

fn is_expired(gateway: &Gateway, job: &Job) -> bool {
    job.ended_ms().is_some_and(|ended_ms| expiry_ms(gateway, ended_ms) <= clock::now_ms())
}

/// Removes what is over, and folders that belong to no job; ends jobs whose files are gone, as after a restore.
async fn tidy(gateway: &Gateway) -> Result<()> {
    for job in jobs(gateway)? {
        let folder = Folder::of(gateway, EXPORT_FILES, &job.id);
        if is_expired(gateway, &job) {
            remove(gateway, &job.id).await?;
        } else if job.files().iter().any(|file| !folder.has(&file.name)) || is_over(gateway, &job)? {
            end(gateway, job).await?;
        }
    }
    let known: Vec<String> = jobs(gateway)?.into_iter().map(|job| job.id).collect();
    let folder = sealed::all(gateway, EXPORT_FILES);
    sealed::remove_unknown(&folder, |name| known.iter().any(|id| id == name)).map_err(Error::internal)
}

fn is_over(gateway: &Gateway, job: &Job) -> Result<bool> {
    Ok(matches!(job.state, State::Complete { .. }) && is_restricted_since(gateway, job)?)
}

/// Removes a job with its files.
async fn remove(gateway: &Gateway, job: &str) -> Result<()> {
    let id = job.to_owned();
    gateway.store.write(move |tx| EXPORTS.take(tx, &id).map(drop)).await?;
    gateway.bulk.exports.make_stale(Some(job));
    Folder::of(gateway, EXPORT_FILES, job).remove().map_err(Error::internal)
}

/// Works until nothing waits.
#[cfg(test)]
pub(crate) async fn testing_round(gateway: &Gateway) {
    tidy(gateway).await.expect("tidy");
    while let Some((job, progress)) = next(gateway).expect("jobs") {
        carry_out(gateway, job, &progress).await;
    }
}
