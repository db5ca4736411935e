//! What all proof files hold.

use super::ProofFileError;
use commonware_codec::{Encode, Read};
use salus_types::proof::{CertifiedHeader, HANDOVERS_MAX, Handover};
use salus_types::{Bounded, decode_canonical};

/// Lower-case hexadecimal digits only: one value, one text.
pub(super) fn bytes(text: &str, field: &'static str) -> Result<Vec<u8>, ProofFileError> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ProofFileError::Field(field));
    }
    hex::decode(text).map_err(|_| ProofFileError::Field(field))
}

/// A value in its canonical encoding.
pub(super) fn decode<T: Read<Cfg = ()> + Encode>(
    text: &str,
    field: &'static str,
) -> Result<T, ProofFileError> {
    decode_canonical(&bytes(text, field)?).map_err(|_| ProofFileError::Field(field))
}

pub(super) fn encode_headers(block: &CertifiedHeader) -> Vec<String> {
    block.headers.iter().map(|header| hex::encode(header.encode())).collect()
}

/// A block from its headers and the certificate at their end.
pub(super) fn block(headers: &[String], certificate: &str) -> Result<CertifiedHeader, ProofFileError> {
    let headers = headers.iter().map(|header| decode(header, "headers")).collect::<Result<_, _>>()?;
    Ok(CertifiedHeader {
        headers: Bounded::new(headers).map_err(|_| ProofFileError::TooLarge)?,
        certificate: Bounded::new(bytes(certificate, "certificate")?)
            .map_err(|_| ProofFileError::TooLarge)?,
    })
}

/// Those handovers that come before the epoch in which a block was certified.
pub(super) fn encode_handovers(block: &CertifiedHeader, handovers: &[Handover]) -> Vec<String> {
    let epoch = block.headers.last().map_or(0, |header| header.epoch);
    let before = |handover: &&Handover| handover.block.header().is_some_and(|header| header.epoch < epoch);
    handovers.iter().filter(before).map(|handover| hex::encode(handover.encode())).collect()
}

pub(super) fn handovers(texts: &[String]) -> Result<Vec<Handover>, ProofFileError> {
    if texts.len() > HANDOVERS_MAX {
        return Err(ProofFileError::TooLarge);
    }
    texts.iter().map(|text| decode(text, "handovers")).collect()
}
