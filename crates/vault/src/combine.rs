//! From what several custodians released to opened versions. Pure; used by grantees and by patients' devices.
//!
//! A false share or package is blamed on who gave it: the package's key commitment tells which pair of shares is
//! right, and the anchored root whether the package is. With two shares alone that contradict, a third decides.

use crate::seal::{Opened, UnsealError, unseal};
use salus_crypto::merkle::leaf_hash;
use salus_crypto::{Digest, Secret32, Share};
use salus_types::category::Category;
use salus_types::vault::{ReleasedShare, ReleasedVersion, batch_size};
use salus_types::{CompartmentId, OrganisationId, VersionId};
use std::collections::{BTreeMap, HashMap};

/// Keys of compartments, with their categories.
pub type Keys = HashMap<CompartmentId, (Category, Secret32)>;

/// What the ledger says of an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnchoredRoot {
    /// The root.
    pub root: Digest,
    /// Its size class.
    pub size_class: u8,
}

/// Anchored roots by source and sequence.
pub type Roots = HashMap<(OrganisationId, u64), AnchoredRoot>;

/// What a custodian gave that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Blame {
    /// The custodian.
    pub custodian: OrganisationId,
    /// What is wrong.
    pub what: &'static str,
}

/// A version that opened and whose commitment is under an anchored root.
pub struct OpenedVersion {
    /// Category, by the compartment's key.
    pub category: Category,
    /// As it was released.
    pub released: ReleasedVersion,
    /// What it holds.
    pub opened: Opened,
}

/// What custodians have given so far.
#[derive(Clone, Default)]
pub struct Collected {
    shares: HashMap<VersionId, BTreeMap<OrganisationId, Share>>,
    packages: HashMap<VersionId, BTreeMap<OrganisationId, ReleasedVersion>>,
}

impl Collected {
    /// Adds an answer. What was given before by the same custodian stands.
    pub fn add(&mut self, from: &OrganisationId, shares: &[ReleasedShare], versions: Vec<ReleasedVersion>) {
        for share in shares {
            let given = self.shares.entry(share.version).or_default();
            given.entry(from.clone()).or_insert_with(|| Share { index: share.index, value: share.value });
        }
        for released in versions {
            let given = self.packages.entry(released.package.header.version).or_default();
            given.entry(from.clone()).or_insert(released);
        }
    }

    /// Whether a version has a package and two shares.
    pub fn is_ready(&self, version: &VersionId) -> bool {
        self.packages.contains_key(version)
            && self.shares.get(version).is_some_and(|shares| shares.len() >= 2)
    }

    /// Sources and sequences that the packages name.
    pub fn batches(&self) -> impl Iterator<Item = (OrganisationId, u64)> {
        let packages = self.packages.values().flat_map(BTreeMap::values);
        packages.map(|released| (released.source.clone(), released.sequence))
    }

    /// Opens a version with whatever package and pair of shares hold; who gave what does not is blamed.
    pub fn open(
        &self,
        version: &VersionId,
        keys: &Keys,
        roots: &Roots,
        blame: &mut Vec<Blame>,
    ) -> Option<OpenedVersion> {
        let (packages, shares) = (self.packages.get(version)?, self.shares.get(version)?);
        let shares: Vec<_> = shares.iter().collect();
        for (giver, released) in packages {
            let mut fault = "a package that does not open";
            for (at, one) in shares.iter().enumerate() {
                for two in &shares[at + 1..] {
                    match try_open(released, &[one.1.clone(), two.1.clone()], keys, roots) {
                        Ok(opened) => {
                            blame_shares(&shares, [one.0, two.0], released, keys, blame);
                            return Some(opened);
                        }
                        Err(Some(reason)) => fault = reason,
                        Err(None) => {}
                    }
                }
            }
            if packages.len() > 1 || shares.len() > 2 || fault != KEY_FAULT {
                blame.push(Blame { custodian: giver.clone(), what: fault });
            }
        }
        None
    }
}

const KEY_FAULT: &str = "shares or key that do not fit the package";

/// Opens with one package and one pair; the reason speaks about the package.
fn try_open(
    released: &ReleasedVersion,
    pair: &[Share],
    keys: &Keys,
    roots: &Roots,
) -> Result<OpenedVersion, Option<&'static str>> {
    let header = &released.package.header;
    let (category, key) = keys.get(&header.compartment).ok_or(Some("a package of another compartment"))?;
    let opened = unseal(&released.package, key, pair).map_err(|error| match error {
        UnsealError::Key | UnsealError::Shares => Some(KEY_FAULT),
        UnsealError::Package => Some("a package that was changed"),
        UnsealError::Suite => Some("a package of an unknown suite"),
    })?;
    let anchored = roots.get(&(released.source.clone(), released.sequence));
    let holds = anchored.is_some_and(|anchored| {
        batch_size(anchored.size_class).map(|size| size as u64) == Some(released.path.size)
            && released.path.verify(&leaf_hash(opened.commitment), &anchored.root).is_ok()
    });
    if !holds {
        return Err(Some("a package that is in no anchored batch"));
    }
    Ok(OpenedVersion { category: *category, released: released.clone(), opened })
}

/// Every other share must open the same package together with one that is right.
fn blame_shares(
    shares: &[(&OrganisationId, &Share)],
    right: [&OrganisationId; 2],
    released: &ReleasedVersion,
    keys: &Keys,
    blame: &mut Vec<Blame>,
) {
    let Some((_, first)) = shares.iter().find(|(giver, _)| *giver == right[0]) else { return };
    let Some((_, key)) = keys.get(&released.package.header.compartment) else { return };
    for (giver, share) in shares.iter().filter(|(giver, _)| !right.contains(giver)) {
        if unseal(&released.package, key, &[(*first).clone(), (*share).clone()]).is_err() {
            blame.push(Blame { custodian: (*giver).clone(), what: "a false share" });
        }
    }
}
