//! Headers that lead to a certificate: a block's few, or a long chain.

use crate::certificate::{Certificate, CertificateError};
use crate::validators::Validators;
use salus_crypto::sign::verify_batch;
use salus_types::Digest;
use salus_types::block::Header;
use salus_types::membership::validators_hash;
use salus_types::proof::CertifiedHeader;
use std::num::NonZero;
use std::{panic, thread};

/// Fewest headers for which a thread of its own pays off.
const THREAD_HEADERS_MIN: usize = 32;

/// Most headers whose signatures are checked in one batch.
const BATCH_HEADERS_MAX: usize = 64;

/// Checks a header chain and the certificate at its end, and gives back the first header.
///
/// # Errors
/// [`CertificateError`], naming the first check that fails.
pub fn verify_certified_header<'a>(
    validators: &Validators,
    certified: &'a CertifiedHeader,
) -> Result<&'a Header, CertificateError> {
    let (first, last) = match &*certified.headers {
        [] => return Err(CertificateError::Malformed),
        headers @ [first, ..] => (first, headers.last().unwrap_or(first)),
    };
    certified.headers.iter().try_for_each(|header| validators.check_header(header))?;
    for pair in certified.headers.windows(2) {
        check_link(validators, &pair[0], &pair[0].digest(), &pair[1])?;
    }
    Certificate::parse(&certified.certificate)?.verify(validators, last)?;
    Ok(first)
}

/// Checks that a header follows the one before, and a new epoch only upon a header that names its validators.
fn check_link(
    validators: &Validators,
    before: &Header,
    digest: &Digest,
    next: &Header,
) -> Result<(), CertificateError> {
    let ends_epoch = before.next_validators != Digest::ZERO;
    let linked = next.parent == *digest
        && before.height.checked_add(1) == Some(next.height)
        && before.epoch.checked_add(ends_epoch.into()) == Some(next.epoch);
    if !linked {
        return Err(CertificateError::Chain);
    }
    if ends_epoch && validators_hash(validators.voting(next)?) != before.next_validators {
        return Err(CertificateError::MissingHandover(next.epoch));
    }
    Ok(())
}

/// A header of a long chain, with its own certificate if it comes with one.
#[derive(Clone, Copy, Debug)]
pub struct ChainHeader<'a> {
    /// The header.
    pub header: &'a Header,
    /// The certificate of exactly this block, see `docs/protocol/certificates.md`.
    pub certificate: Option<&'a [u8]>,
}

impl<'a> ChainHeader<'a> {
    /// The block of a certified header, with the certificate if it is its own; `None` if there is no header.
    pub fn of(certified: &'a CertifiedHeader) -> Option<Self> {
        let (header, later) = certified.headers.split_first()?;
        Some(Self { header, certificate: later.is_empty().then_some(&*certified.certificate) })
    }
}

/// Why a chain fails, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {height}: {error}")]
pub struct ChainError {
    /// Height of the block.
    pub height: u64,
    /// Why.
    pub error: CertificateError,
}

/// Checks that consecutive headers follow one another, that every certificate among them holds, and that the last
/// header has one. The work is shared among the machine's processors. No header at all shows nothing.
///
/// # Errors
/// The failure of the lowest height.
pub fn verify_chain(validators: &Validators, chain: &[ChainHeader<'_>]) -> Result<(), ChainError> {
    if let Some(last) = chain.last()
        && last.certificate.is_none()
    {
        return Err(ChainError { height: last.header.height, error: CertificateError::Uncertified });
    }
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    verify_shared(validators, chain, processors.min(chain.len().div_ceil(THREAD_HEADERS_MIN)))
}

/// Shares the work among some threads.
pub(crate) fn verify_shared(
    validators: &Validators,
    chain: &[ChainHeader<'_>],
    threads: usize,
) -> Result<(), ChainError> {
    let length = chain.len().div_ceil(threads.max(1)).max(1);
    let starts = (0..chain.len()).step_by(length);
    thread::scope(|scope| {
        let part = |start: usize| {
            let end = (start + length).min(chain.len());
            // With the header before, to which the part's first one must lead.
            let (before, part) = (start.checked_sub(1).map(|at| &chain[at]), &chain[start..end]);
            scope.spawn(move || verify_part(validators, before, part))
        };
        let parts: Vec<_> = starts.map(part).collect();
        let join = |part: thread::ScopedJoinHandle<'_, Result<(), ChainError>>| {
            part.join().unwrap_or_else(|cause| panic::resume_unwind(cause))
        };
        parts.into_iter().map(join).collect::<Vec<_>>().into_iter().collect()
    })
}

fn verify_part(
    validators: &Validators,
    before: Option<&ChainHeader<'_>>,
    part: &[ChainHeader<'_>],
) -> Result<(), ChainError> {
    let mut before = before.map(|before| (before.header, before.header.digest()));
    for batch in part.chunks(BATCH_HEADERS_MAX) {
        before = verify_batched(validators, before, batch)?;
    }
    Ok(())
}

type Linked<'a> = Option<(&'a Header, Digest)>;

/// Checks some headers; gives back the last one with its digest.
fn verify_batched<'a>(
    validators: &Validators,
    mut before: Linked<'a>,
    batch: &[ChainHeader<'a>],
) -> Result<Linked<'a>, ChainError> {
    let mut certificates = Vec::with_capacity(batch.len());
    let mut failed = Ok(());
    for ChainHeader { header, certificate } in batch {
        let digest = header.digest();
        let certificate = check_one(validators, before, header, *certificate);
        before = Some((header, digest));
        match certificate {
            Ok(certificate) => certificates.extend(certificate.map(|parsed| (*header, digest, parsed))),
            Err(error) => {
                failed = Err(ChainError { height: header.height, error });
                break;
            }
        }
    }
    // What comes before the failure may have failed, too, by a signature.
    check_signatures(validators, &certificates)?;
    failed.map(|()| before)
}

fn check_one<'a>(
    validators: &Validators,
    before: Linked<'_>,
    header: &Header,
    certificate: Option<&'a [u8]>,
) -> Result<Option<Certificate<'a>>, CertificateError> {
    validators.check_header(header)?;
    if let Some((before, digest)) = before {
        check_link(validators, before, &digest, header)?;
    }
    certificate.map(Certificate::parse).transpose()
}

/// Checks the signatures of certificates together, which costs a fraction of one by one.
fn check_signatures(
    validators: &Validators,
    certificates: &[(&Header, Digest, Certificate<'_>)],
) -> Result<(), ChainError> {
    let (mut items, mut heights) = (Vec::new(), Vec::new());
    let mut failed = Ok(());
    for (header, digest, certificate) in certificates {
        match certificate.signatures(validators, header, digest) {
            Ok(signatures) => {
                heights.extend(signatures.iter().map(|_| header.height));
                items.extend(signatures);
            }
            Err(error) => {
                failed = Err(ChainError { height: header.height, error });
                break;
            }
        }
    }
    let invalid = verify_batch(&items).into_iter().position(|valid| !valid);
    match invalid {
        Some(at) => Err(ChainError { height: heights[at], error: CertificateError::Signature }),
        None => failed,
    }
}
