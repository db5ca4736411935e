//! Reading the own records: directories, keys, releases.

use super::Pairwise;
use crate::combine::{Collected, Keys};
use crate::envelope::{EnvelopeError, open_envelope};
use crate::wrap::{link_is_signed, receive_patient_link, unwrap_key};
use commonware_codec::Encode as _;
use salus_crypto::Secret32;
use salus_crypto::hpke::HpkePrivateKey;
use salus_types::category::Category;
use salus_types::organisation::Organisation;
use salus_types::vault::{CompartmentRecord, Directory, Release, ReleasedShare, SHARES_PER_RELEASE_MAX};
use salus_types::{Bounded, CompartmentId, NetworkId, decode_canonical, label, namespace};
use std::collections::HashMap;
use zeroize::Zeroize as _;

/// A compartment of the person, opened.
#[derive(Clone)]
pub struct OpenCompartment {
    /// The compartment.
    pub compartment: CompartmentId,
    /// Its epoch.
    pub epoch: u32,
    /// The epoch before.
    pub predecessor: Option<CompartmentId>,
    /// Its category.
    pub category: Category,
    /// Its key CK.
    pub key: Secret32,
}

/// What directories gave.
#[derive(Default)]
pub struct Directories {
    /// The compartments, by category and epoch.
    pub compartments: Vec<OpenCompartment>,
    /// Entries that are not signed by the source, not the person's, or do not open.
    pub rejected: usize,
}

/// Opens what several organisations say about the person's compartments at `source`; of each compartment the newest
/// revision counts.
pub fn open_directories(
    pairwise: &Pairwise,
    network: &NetworkId,
    source: &Organisation,
    directories: &[Directory],
) -> Directories {
    let mut found = Directories::default();
    let mut links = HashMap::new();
    for link in directories.iter().flat_map(|directory| directory.links.iter()) {
        let own = link.network == *network && link.source == source.id && link.owner == pairwise.address;
        match receive_patient_link(&pairwise.kem, link) {
            Ok(key) if own && link_is_signed(link, &source.node_key) => {
                links.insert(link.number, key);
            }
            _ => found.rejected += 1,
        }
    }
    let mut newest: HashMap<CompartmentId, &CompartmentRecord> = HashMap::new();
    for record in directories.iter().flat_map(|directory| directory.compartments.iter()) {
        if !is_own(pairwise, network, source, record) {
            found.rejected += 1;
            continue;
        }
        let known = newest.entry(record.statement.compartment).or_insert(record);
        if known.statement.revision < record.statement.revision {
            *known = record;
        }
    }
    for record in newest.values() {
        match open_record(&links, record) {
            Some(opened) => found.compartments.push(opened),
            None => found.rejected += 1,
        }
    }
    found.compartments.sort_by_key(|opened| (opened.category, opened.epoch, opened.compartment));
    found
}

fn is_own(
    pairwise: &Pairwise,
    network: &NetworkId,
    source: &Organisation,
    record: &CompartmentRecord,
) -> bool {
    let statement = &record.statement;
    let message = statement.encode();
    statement.network == *network
        && statement.source == source.id
        && statement.owner == Some(pairwise.address)
        && source.node_key.verify(namespace::COMPARTMENT, &message, &record.signature).is_ok()
}

fn open_record(links: &HashMap<u32, Secret32>, record: &CompartmentRecord) -> Option<OpenCompartment> {
    let statement = &record.statement;
    let link = links.get(&statement.link)?;
    let content = unwrap_key(link, &statement.compartment, &statement.wrapped).ok()?;
    Some(OpenCompartment {
        compartment: statement.compartment,
        epoch: statement.epoch,
        predecessor: statement.predecessor,
        category: content.category,
        key: Secret32::from_bytes(&content.key),
    })
}

/// The keys by compartment, as [`Collected::open`] takes them.
pub fn keys_of(compartments: &[OpenCompartment]) -> Keys {
    compartments.iter().map(|opened| (opened.compartment, (opened.category, opened.key.clone()))).collect()
}

/// Opens a custodian's release, which is sealed to `kem`, and adds it to what was collected.
///
/// # Errors
/// [`EnvelopeError`]: the custodian's answer does not open; nothing is added.
pub fn collect_release(
    collected: &mut Collected,
    kem: &HpkePrivateKey,
    network: &NetworkId,
    custodian: &Organisation,
    release: Release,
) -> Result<(), EnvelopeError> {
    let from = &custodian.node_key;
    let plain = open_envelope(&release.shares, from, kem, label::HPKE_RELEASE, network)?;
    let shares: Bounded<ReleasedShare, SHARES_PER_RELEASE_MAX> =
        decode_canonical(&plain).map_err(|_| EnvelopeError::Length)?;
    let mut shares = shares.into_inner();
    collected.add(&custodian.id, &shares, release.versions.into_inner());
    shares.iter_mut().for_each(|share| share.value.zeroize());
    Ok(())
}
