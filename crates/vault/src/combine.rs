//! From what several custodians released to opened versions. Pure; used by grantees and by patients' devices.
//!
//! A false share or package is blamed on who gave it: the package's key commitment tells which pair of shares is
//! right, and the anchored root whether the package is. With two shares alone that contradict, a third decides.
//! While a batch moves, custodians give shares of two generations: only those of one are put together, and compared.

use crate::seal::{Opened, UnsealError, unseal};
use crate::sharing::{SHARES_NEEDED, round_of};
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

/// Shares of one version, by generation (modulo 85) and giver.
type Given = BTreeMap<u8, BTreeMap<OrganisationId, Share>>;

/// What custodians have given so far.
#[derive(Clone, Default)]
pub struct Collected {
    shares: HashMap<VersionId, Given>,
    packages: HashMap<VersionId, BTreeMap<OrganisationId, ReleasedVersion>>,
}

impl Collected {
    /// Adds an answer. What was given before by the same custodian stands.
    pub fn add(&mut self, from: &OrganisationId, shares: &[ReleasedShare], versions: Vec<ReleasedVersion>) {
        for share in shares {
            let Some(round) = round_of(share.index) else { continue };
            let given = self.shares.entry(share.version).or_default().entry(round).or_default();
            given.entry(from.clone()).or_insert_with(|| Share { index: share.index, value: share.value });
        }
        for released in versions {
            let given = self.packages.entry(released.package.header.version).or_default();
            given.entry(from.clone()).or_insert(released);
        }
    }

    /// Whether anybody has given a version's package.
    pub fn has_package(&self, version: &VersionId) -> bool {
        self.packages.contains_key(version)
    }

    /// Whether a version has a package and two shares of one generation.
    pub fn is_ready(&self, version: &VersionId) -> bool {
        let enough = |given: &BTreeMap<_, _>| given.len() >= usize::from(SHARES_NEEDED);
        self.has_package(version) && self.shares.get(version).is_some_and(|given| given.values().any(enough))
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
        let mut faults = Vec::new();
        for (giver, released) in packages {
            let mut fault = None;
            for given in shares.values() {
                match open_with(released, given, keys, roots) {
                    Ok((opened, right)) => {
                        blame.extend(faults);
                        blame_shares(given, right, released, keys, blame);
                        return Some(opened);
                    }
                    Err(reason) => fault = heavier(fault, reason),
                }
            }
            faults.extend(fault.map(|what| Blame { custodian: giver.clone(), what }));
        }
        // With two shares alone, nobody knows whether a share or the package is false.
        let third = shares.values().any(|given| given.len() > usize::from(SHARES_NEEDED));
        blame.extend(faults.into_iter().filter(|fault| third || fault.what != KEY_FAULT));
        None
    }
}

const KEY_FAULT: &str = "shares or key that do not fit the package";

/// A fault of the package itself says more than shares that do not fit it.
fn heavier(one: Option<&'static str>, two: Option<&'static str>) -> Option<&'static str> {
    one.filter(|fault| *fault != KEY_FAULT).or(two).or(one)
}

/// Opens with one package and any pair of one generation's shares, and says whose they are; the reason speaks about the
/// package, and is missing if there is no pair.
fn open_with<'a>(
    released: &ReleasedVersion,
    given: &'a BTreeMap<OrganisationId, Share>,
    keys: &Keys,
    roots: &Roots,
) -> Result<(OpenedVersion, [&'a OrganisationId; 2]), Option<&'static str>> {
    let shares: Vec<_> = given.iter().collect();
    let mut fault = None;
    for (at, one) in shares.iter().enumerate() {
        for two in &shares[at + 1..] {
            match try_open(released, &[one.1.clone(), two.1.clone()], keys, roots) {
                Ok(opened) => return Ok((opened, [one.0, two.0])),
                Err(reason) => fault = heavier(fault, Some(reason)),
            }
        }
    }
    Err(fault)
}

/// Opens with one package and one pair; the reason speaks about the package.
fn try_open(
    released: &ReleasedVersion,
    pair: &[Share],
    keys: &Keys,
    roots: &Roots,
) -> Result<OpenedVersion, &'static str> {
    let header = &released.package.header;
    let (category, key) = keys.get(&header.compartment).ok_or("a package of another compartment")?;
    let opened = unseal(&released.package, key, pair).map_err(|error| match error {
        UnsealError::Key | UnsealError::Shares => KEY_FAULT,
        UnsealError::Package => "a package that was changed",
        UnsealError::Suite => "a package of an unknown suite",
    })?;
    let anchored = roots.get(&(released.source.clone(), released.sequence));
    let holds = anchored.is_some_and(|anchored| {
        batch_size(anchored.size_class).map(|size| size as u64) == Some(released.path.size)
            && released.path.verify(&leaf_hash(opened.commitment), &anchored.root).is_ok()
    });
    if !holds {
        return Err("a package that is in no anchored batch");
    }
    Ok(OpenedVersion { category: *category, released: released.clone(), opened })
}

/// Every other share of the same generation must open the same package together with one that is right.
fn blame_shares(
    given: &BTreeMap<OrganisationId, Share>,
    right: [&OrganisationId; 2],
    released: &ReleasedVersion,
    keys: &Keys,
    blame: &mut Vec<Blame>,
) {
    let Some(first) = given.get(right[0]) else { return };
    let Some((_, key)) = keys.get(&released.package.header.compartment) else { return };
    for (giver, share) in given.iter().filter(|(giver, _)| !right.contains(giver)) {
        if unseal(&released.package, key, &[first.clone(), share.clone()]).is_err() {
            blame.push(Blame { custodian: giver.clone(), what: "a false share" });
        }
    }
}
