//! Processor time of those who take part.

use super::super::figure::Figure;
use super::super::idle::processor_seconds;
use super::site::Site;
use std::ops::Sub;

/// Processor time so far, in seconds.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    /// The hospital's node: gateway, vault and ledger.
    pub(super) node: f64,
    /// Its clinical engine.
    pub(super) engine: f64,
    /// The other nodes and their engines.
    pub(super) others: f64,
    /// Whoever asks.
    pub(super) client: f64,
}

impl Usage {
    pub(super) fn now(site: &Site) -> anyhow::Result<Self> {
        let (node, engine, others) = site.processes()?;
        let others = others.iter().map(|pid| processor_seconds(*pid)).sum::<anyhow::Result<f64>>()?;
        Ok(Self {
            node: processor_seconds(node)?,
            engine: processor_seconds(engine)?,
            others,
            client: processor_seconds(std::process::id())?,
        })
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            node: self.node - before.node,
            engine: self.engine - before.engine,
            others: self.others - before.others,
            client: self.client - before.client,
        }
    }
}

/// Processor time for each of `counts`, run by run, one figure for each who takes part.
pub(super) fn figures(what: &str, runs: &[(Usage, f64)]) -> Vec<Figure> {
    let each = |of: fn(&Usage) -> f64| runs.iter().map(|(usage, count)| of(usage) * 1e3 / count).collect();
    vec![
        Figure::of(format!("{what}: the node's processor time for each"), "ms", "", each(|usage| usage.node)),
        Figure::of(format!("{what}: the engine's"), "ms", "", each(|usage| usage.engine)),
        Figure::of(format!("{what}: the other nodes'"), "ms", "", each(|usage| usage.others)),
        Figure::of(format!("{what}: the client's"), "ms", "", each(|usage| usage.client)),
    ]
}
