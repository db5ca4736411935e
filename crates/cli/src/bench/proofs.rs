//! Proofs: their size, and how long a verifier without any node takes.

use super::Extent;
use super::chart::{lab, transaction};
use super::figure::Figure;
use super::stage::Stage;
use crate::client;
use crate::demo::load::{Loader, id_of};
use crate::demo::until_anchored;
use crate::network::read_genesis;
use crate::public_node::PublicNode;
use anyhow::{Context as _, ensure};
use salus_gateway::chain::HEADERS_COUNT_MAX;
use salus_types::proof::CertifiedHeader;
use salus_types::{Bounded, decode_canonical};
use salus_verifier::{ProofFile, Validators, verify_certified_header, verify_record};
use std::time::Instant;

/// Verifications of one run.
const PROOFS: usize = 200;
/// Headers of one run.
const HEADERS: u64 = 2_000;

/// A page of certified headers.
type Page = Bounded<CertifiedHeader, { HEADERS_COUNT_MAX as usize }>;

pub(super) async fn measure(stage: &Stage, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let genesis = read_genesis(&stage.report()?.genesis)?;
    let text = proof_text(stage).await?;
    let (mut verify_ms, mut rate) = (Vec::new(), Vec::new());
    let pages = pages(stage, HEADERS / extent.smaller as u64).await?;
    let count: usize = pages.iter().map(|page| page.len()).sum();
    let mut validators = Validators::of_genesis(&genesis);
    let report = stage.report()?;
    let portal = &report.organisations.first().context("no organisation")?.portal;
    validators.extend(&PublicNode::new(portal)?.handovers().await?)?;
    for _ in 0..extent.runs {
        let begin = Instant::now();
        for _ in 0..PROOFS {
            let file = ProofFile::parse(&text)?;
            verify_record(&validators, &file.proof()?, file.resource.as_deref())?;
        }
        verify_ms.push(begin.elapsed().as_secs_f64() * 1e3 / PROOFS as f64);
        let begin = Instant::now();
        for header in pages.iter().flat_map(|page| page.iter()) {
            verify_certified_header(&validators, header)?;
        }
        rate.push(count as f64 / begin.elapsed().as_secs_f64());
    }
    Ok(vec![
        Figure::of(
            "record proof with the record's text, as JSON",
            "KiB",
            "<= 8",
            vec![text.len() as f64 / 1_024.0],
        ),
        Figure::of("record proof, parsed and verified", "ms", "<= 5", verify_ms),
        Figure::of("certified headers verified, each with its certificate", "headers/s", ">= 1,000", rate),
    ])
}

/// The proof of one record in a batch of 1,000.
async fn proof_text(stage: &Stage) -> anyhow::Result<String> {
    let (fhir, client) = stage.hospital("hospital-a")?;
    let labs = (0..500).map(|number| lab("Patient/nobody-in-particular", number));
    let answer = Loader::new(&fhir, &client)?.post(&transaction(labs)).await?;
    until_anchored(&stage.ops("hospital-a")).await?;
    let id = id_of(&answer["entry"][0], "Observation").context("no id")?;
    let request = client::http()?.get(format!("{fhir}/Observation/{id}/$proof"));
    let answer = request.bearer_auth(stage.system_token("hospital-a").await?).send().await?;
    Ok(String::from_utf8(client::bytes(answer).await?)?)
}

async fn pages(stage: &Stage, count: u64) -> anyhow::Result<Vec<Page>> {
    let report = stage.report()?;
    let ledger = &report.organisations.first().context("no organisation")?.ledger;
    let (http, mut pages, mut from) = (client::http()?, Vec::new(), 1);
    while from <= count {
        let url = format!("{ledger}/headers?from={from}&count={HEADERS_COUNT_MAX}");
        let page: Page = decode_canonical(&client::bytes(http.get(url).send().await?).await?)?;
        if page.is_empty() {
            break;
        }
        from += page.len() as u64;
        pages.push(page);
    }
    ensure!(!pages.is_empty(), "the ledger has no headers");
    Ok(pages)
}
