//! What the gateway adds to a read of a local resource: the same read through it and from the engine's socket.

use super::Extent;
use super::chart::lab;
use super::figure::{Figure, percentile};
use super::http::{Connection, bearer};
use super::sealing::engine_authority;
use super::stage::Stage;
use crate::demo::load::{Loader, id_of};
use anyhow::Context as _;
use bytes::Bytes;
use hyper::Method;
use std::time::Instant;

/// Reads of one run on each side.
const READS: usize = 4_000;

pub(super) async fn measure(stage: &Stage, extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let (fhir, client) = stage.hospital("hospital-a")?;
    let bundle = super::chart::transaction(std::iter::once(lab("Patient/nobody-in-particular", 0)));
    let answer = Loader::new(&fhir, &client)?.post(&bundle).await?;
    let id = id_of(&answer["entry"][0], "Observation").context("no id")?;
    let mut gateway = Connection::tcp(&fhir, bearer(&stage.system_token("hospital-a").await?)?).await?;
    let socket = stage.home("hospital-a").join("run/engine.sock");
    let mut engine = Connection::unix(&socket, engine_authority()).await?;
    let path = format!("/fhir/Observation/{id}");
    let (mut added, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..extent.runs {
        let (mut by_gateway, mut by_engine) = (Vec::new(), Vec::new());
        // In turn, so that both sides see the same machine.
        for _ in 0..READS / extent.smaller {
            by_gateway.push(time(&mut gateway, &path).await?);
            by_engine.push(time(&mut engine, &path).await?);
        }
        whole.push(percentile(&mut by_gateway, 50));
        added.push(percentile(&mut by_gateway, 50) - percentile(&mut by_engine, 50));
    }
    Ok(vec![
        Figure::of("local FHIR read through the gateway, p50", "ms", "", whole),
        Figure::of("of which the gateway's own cost, p50", "ms", "<= 1", added),
    ])
}

async fn time(connection: &mut Connection, path: &str) -> anyhow::Result<f64> {
    let begin = Instant::now();
    connection.send(Method::GET, path, Bytes::new()).await?;
    Ok(begin.elapsed().as_secs_f64() * 1e3)
}
