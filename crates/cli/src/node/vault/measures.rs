//! What the vault and the node's disk tell dashboards.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use salus_vault::source::SourceStatus;
use std::path::{Path, PathBuf};

/// Gauges that are set whenever the vault is measured.
pub(super) struct Measures {
    home: PathBuf,
    sealed: Gauge,
    custody: Gauge,
    refused: Gauge,
    rotated: Gauge,
    open_batches: Gauge,
    parcels: Gauge,
    disk_free: Gauge,
    disk_total: Gauge,
}

impl Measures {
    pub(super) fn new(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            sealed: Gauge::default(),
            custody: Gauge::default(),
            refused: Gauge::default(),
            rotated: Gauge::default(),
            open_batches: Gauge::default(),
            parcels: Gauge::default(),
            disk_free: Gauge::default(),
            disk_total: Gauge::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("vault_sealed_versions_ever", "Record versions sealed since the vault was made.", &self.sealed);
        gauge("vault_custody_versions_ever", "Of these, with two custodians or more.", &self.custody);
        gauge(
            "vault_unsealable_versions_ever",
            "Record versions whose name or size cannot be sealed.",
            &self.refused,
        );
        gauge("vault_rotated_epochs_ever", "Epochs of compartments rotated.", &self.rotated);
        gauge(
            "vault_open_batches",
            "Batches not anchored, or not with all their custodians.",
            &self.open_batches,
        );
        gauge(
            "vault_waiting_parcels",
            "Records and keys on their way to other organisations.",
            &self.parcels,
        );
        let help = "Free space on the disk of the node's folder.";
        registry.register_with_unit("disk_free", help, Unit::Bytes, self.disk_free.clone());
        let help = "Size of the disk of the node's folder.";
        registry.register_with_unit("disk_size", help, Unit::Bytes, self.disk_total.clone());
    }

    pub(super) fn source(&self, status: &SourceStatus) {
        set(&self.sealed, status.sealed);
        set(&self.custody, status.custody);
        set(&self.refused, status.refused);
        set(&self.rotated, status.rotated);
        set(&self.open_batches, status.open_batches);
        set(&self.parcels, status.parcels);
    }

    pub(super) fn disk(&self) {
        let Ok(disk) = rustix::fs::statvfs(&self.home) else { return };
        set(&self.disk_free, disk.f_bavail * disk.f_frsize);
        set(&self.disk_total, disk.f_blocks * disk.f_frsize);
    }
}

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
