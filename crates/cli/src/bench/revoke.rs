//! The end of a grant over a chart of 1,000 resources, with nine other grants standing over the same category.
//!
//! Enforced: from the revocation being handed in until the former grantee's own node answers a search without one of
//! the resources. Custodians refuse from the moment at which the revocation is final, which is before. Rotated: from the
//! same moment until the source and the custodians show the patient a new epoch of the category's compartment, whose key
//! the former grantee has never had.

use super::Extent;
use super::chart::{self, Clinician};
use super::figure::{Figure, percentile};
use super::stage::{POLL, Stage};
use crate::patient::{KeyFile, Session};
use anyhow::{Context as _, ensure};
use salus_types::category::{Category, Purpose};
use std::time::{Duration, Instant};

/// Grants that stand when one ends.
const STANDING: u32 = 9;
/// Runs for each of the others' one, since goals are percentiles.
const RUNS: usize = 4;
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(stage: &Stage, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let report = stage.report()?;
    let patient = report.patients.get(1).context("no second patient")?;
    let count = chart::fill(stage, patient, extent).await?;
    let session = Session::open(&report, KeyFile::read(&patient.key)?).await?;
    for _ in 0..STANDING {
        session.make_grants("hospital-b", &[Category::Labs], Purpose::Research, 1).await?;
    }
    let [mut enforced, mut rotated] = [const { Vec::new() }; 2];
    let own = Clinician::open(stage, &session).await?.found().await?;
    for _ in 0..extent.runs * RUNS {
        let made = session.make_grants("hospital-b", &[Category::Labs], Purpose::Treatment, 1).await?;
        let clinician = Clinician::open(stage, &session).await?;
        clinician.search(count).await.context("the read before the end")?;
        let epoch = session.newest_epoch("hospital-a", Category::Labs).await?;
        let begin = Instant::now();
        for made in &made {
            session.end_grant(made.grant).await?;
        }
        while clinician.found().await? > own {
            ensure!(begin.elapsed() < PATIENCE, "the former grantee still reads");
            tokio::time::sleep(POLL).await;
        }
        enforced.push(begin.elapsed().as_secs_f64() * 1e3);
        while session.newest_epoch("hospital-a", Category::Labs).await? == epoch {
            ensure!(begin.elapsed() < PATIENCE, "the epoch does not turn");
            tokio::time::sleep(POLL).await;
        }
        rotated.push(begin.elapsed().as_secs_f64() * 1e3);
        for made in &made {
            while !session.is_dropped(&made.grant).await? {
                ensure!(begin.elapsed() < PATIENCE, "the copies are not deleted");
                tokio::time::sleep(POLL).await;
            }
        }
    }
    let p95 = |values: &[f64]| vec![percentile(&mut values.to_vec(), 95)];
    Ok(vec![
        Figure::of(
            "revocation, until the former grantee reads nothing, p95",
            "ms",
            "<= 2,000",
            p95(&enforced),
        ),
        Figure::of("revocation, until the former grantee reads nothing", "ms", "", enforced),
        Figure::of(
            "revocation, until the keys are new, nine grants stand, p95",
            "ms",
            "<= 10,000",
            p95(&rotated),
        ),
        Figure::of("revocation, until the keys are new, nine grants stand", "ms", "", rotated),
    ])
}
