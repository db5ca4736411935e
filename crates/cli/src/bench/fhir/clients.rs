//! Clients that ask as fast as they are answered, each over one connection that stays open.

use super::super::figure::percentile;
use super::super::http::Connection;
use super::site::Site;
use super::usage::Usage;
use bytes::Bytes;
use hyper::Method;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many ask at once.
pub(super) const CLIENTS: usize = 8;

/// What came of some seconds of asking.
pub(super) struct Asked {
    pub(super) per_second: f64,
    pub(super) count: f64,
    /// Milliseconds.
    pub(super) p50: f64,
    /// Milliseconds.
    pub(super) p99: f64,
    pub(super) usage: Usage,
}

/// Asks `paths` in turn, over all connections at once, for so long.
pub(super) async fn ask(
    site: &Site,
    connections: Vec<Connection>,
    paths: &Arc<Vec<String>>,
    lasting: Duration,
) -> anyhow::Result<Asked> {
    let before = Usage::now(site)?;
    let begin = Instant::now();
    let count = connections.len();
    let clients = connections.into_iter().enumerate().map(|(first, connection)| {
        let paths = Arc::clone(paths);
        tokio::spawn(one(connection, paths, (first, count), begin + lasting))
    });
    let mut times = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        times.extend(client.await??);
    }
    let seconds = begin.elapsed().as_secs_f64();
    let usage = Usage::now(site)? - before;
    let count = times.len() as f64;
    let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
    Ok(Asked { per_second: count / seconds, count, p50, p99, usage })
}

/// Milliseconds of each answer.
async fn one(
    mut connection: Connection,
    paths: Arc<Vec<String>>,
    (first, step): (usize, usize),
    until: Instant,
) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    for path in paths.iter().cycle().skip(first).step_by(step) {
        let begin = Instant::now();
        if begin >= until {
            break;
        }
        connection.send(Method::GET, path, Bytes::new()).await?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}
