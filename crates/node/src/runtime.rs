//! What the wiring needs from a runtime: real sockets and disks, or the deterministic simulator.

use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use rand::CryptoRng;

/// A commonware runtime on which a node runs.
pub trait Runtime: CryptoRng + Spawner + Clock + Metrics + Storage {}

impl<T: CryptoRng + Spawner + Clock + Metrics + Storage> Runtime for T {}
