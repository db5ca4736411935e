//! Keys of more than one part. No key is built elsewhere.

use salus_types::category::Category;
use salus_types::{AccessId, Address, CompartmentId, Digest, GrantId, OrganisationId, VersionId};

/// Texts, each closed by a zero byte, which no FHIR name holds.
pub(crate) fn texts(parts: &[&str]) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    for part in parts {
        key.extend_from_slice(part.as_bytes());
        key.push(0);
    }
    key
}

/// [`super::tables::CURRENT`].
pub(crate) fn current(patient: Option<&str>, category: Category) -> Vec<u8> {
    let mut key = vec![u8::from(patient.is_some())];
    key.extend(texts(&[patient.unwrap_or_default()]));
    key.push(category.code());
    key
}

/// [`super::tables::OF_PATIENT`].
pub(crate) fn of_patient(patient: &str, compartment: &CompartmentId) -> Vec<u8> {
    let mut key = texts(&[patient]);
    key.extend_from_slice(compartment.as_bytes());
    key
}

/// A batch of a source: [`super::tables::DESTROYED`].
pub(crate) fn batch(source: &OrganisationId, sequence: u64) -> Vec<u8> {
    let mut key = texts(&[source.as_str()]);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// One generation of a batch: [`super::tables::CUSTODY`], [`super::tables::EVIDENCE`], [`super::tables::CONDEMNED`],
/// [`super::tables::CHECKED`], [`super::tables::DAMAGED`].
pub(crate) fn generation(source: &OrganisationId, sequence: u64, generation: u32) -> Vec<u8> {
    let mut key = batch(source, sequence);
    key.extend_from_slice(&generation.to_be_bytes());
    key
}

/// [`super::tables::OF_BATCH`].
pub(crate) fn of_batch(source: &OrganisationId, sequence: u64, generation: u32, leaf: u32) -> Vec<u8> {
    let mut key = self::generation(source, sequence, generation);
    key.extend_from_slice(&leaf.to_be_bytes());
    key
}

/// [`super::tables::HELD_VERSIONS`].
pub(crate) fn held_version(version: &VersionId, generation: u32) -> Vec<u8> {
    [version.as_bytes(), &generation.to_be_bytes()[..]].concat()
}

/// [`super::tables::IN_BATCH`].
pub(crate) fn in_batch(sequence: u64, leaf: u32) -> Vec<u8> {
    [&sequence.to_be_bytes()[..], &leaf.to_be_bytes()].concat()
}

/// [`super::tables::OWED`].
pub(crate) fn owed(custodian: &OrganisationId, sequence: u64) -> Vec<u8> {
    batch(custodian, sequence)
}

/// [`super::tables::RECEIPTS`], [`super::tables::LOST`].
pub(crate) fn receipt(sequence: u64, custodian: &OrganisationId) -> Vec<u8> {
    [&sequence.to_be_bytes()[..], custodian.as_str().as_bytes()].concat()
}

/// The source, the sequence and the generation of a [`generation`].
pub(crate) fn generation_parts(key: &[u8]) -> Option<(OrganisationId, u64, u32)> {
    let (batch, generation) = key.split_last_chunk::<4>()?;
    let (source, sequence) = batch_parts(batch)?;
    Some((source, sequence, u32::from_be_bytes(*generation)))
}

/// The sequence and the custodian of a [`receipt`].
pub(crate) fn receipt_parts(key: &[u8]) -> Option<(u64, OrganisationId)> {
    let (sequence, custodian) = key.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*sequence), std::str::from_utf8(custodian).ok()?.parse().ok()?))
}

/// The source or custodian and the sequence of a [`batch`].
pub(crate) fn batch_parts(key: &[u8]) -> Option<(OrganisationId, u64)> {
    let (name, sequence) = key.split_last_chunk::<8>()?;
    let name = std::str::from_utf8(name.strip_suffix(&[0])?).ok()?;
    Some((name.parse().ok()?, u64::from_be_bytes(*sequence)))
}

/// The sequence of a key that is one.
pub(crate) fn sequence(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

/// The generation at the end of a key.
pub(crate) fn generation_at_end(key: &[u8]) -> Option<u32> {
    key.last_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// [`super::tables::BLANKS`].
pub(crate) fn blank(source: &OrganisationId, sequence: u64, generation: u32, at: u64) -> Vec<u8> {
    let mut key = self::generation(source, sequence, generation);
    key.extend_from_slice(&at.to_be_bytes());
    key
}

/// [`super::tables::ERASED`]: of one source, so that no other can have its versions refused.
pub(crate) fn erased(source: &OrganisationId, version: &VersionId) -> Vec<u8> {
    let mut key = erased_of(source);
    key.extend_from_slice(version.as_bytes());
    key
}

/// Everything of one source in [`super::tables::ERASED`].
pub(crate) fn erased_of(source: &OrganisationId) -> Vec<u8> {
    texts(&[source.as_str()])
}

/// [`super::tables::IN_COMPARTMENT`].
pub(crate) fn in_compartment(
    compartment: &CompartmentId,
    source: &OrganisationId,
    sequence: u64,
    leaf: u32,
) -> Vec<u8> {
    [&in_compartment_of(compartment, source)[..], &sequence.to_be_bytes(), &leaf.to_be_bytes()].concat()
}

/// All of one source in [`super::tables::IN_COMPARTMENT`]: what another source puts under the name is never seen.
pub(crate) fn in_compartment_of(compartment: &CompartmentId, source: &OrganisationId) -> Vec<u8> {
    let mut key = compartment.as_bytes().to_vec();
    key.extend(texts(&[source.as_str()]));
    key
}

/// [`super::tables::SUCCESSORS`]: of one source, so that no other source can name a successor first and block the right one.
pub(crate) fn successor(before: &CompartmentId, source: &OrganisationId) -> Vec<u8> {
    let mut key = before.as_bytes().to_vec();
    key.extend(texts(&[source.as_str()]));
    key
}

/// [`super::tables::LINKS`].
pub(crate) fn link(owner: &Address, source: &OrganisationId, number: u32) -> Vec<u8> {
    let mut key = owner.as_bytes().to_vec();
    key.extend(texts(&[source.as_str()]));
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// [`super::tables::NONCES`]; `who` is the address or the name of who asks.
pub(crate) fn nonce(time_ms: u64, nonce: &[u8; 16], who: &[u8]) -> Vec<u8> {
    [&time_ms.to_be_bytes(), &nonce[..], who].concat()
}

/// [`super::tables::RELEASES`].
pub(crate) fn release(access: &AccessId, versions_root: &Digest) -> Vec<u8> {
    [access.as_bytes(), versions_root.as_ref()].concat()
}

/// [`super::tables::GRANTS_OF`].
pub(crate) fn grant_of(patient: &str, grant: &GrantId) -> Vec<u8> {
    let mut key = texts(&[patient]);
    key.extend_from_slice(grant.as_bytes());
    key
}

/// [`super::tables::GRANT_KEYS`].
pub(crate) fn grant_key(grant: &GrantId, compartment: &CompartmentId) -> Vec<u8> {
    [grant.as_bytes(), compartment.as_bytes()].concat()
}

/// [`super::tables::HELD`].
pub(crate) fn held(grant: &GrantId, version: &VersionId) -> Vec<u8> {
    [grant.as_bytes(), version.as_bytes()].concat()
}
