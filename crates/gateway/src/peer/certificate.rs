//! A node's own certificate, made once, before the genesis that pins it.

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

/// The certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the certificate cannot be made: {0}")]
pub struct CertificateError(#[from] rcgen::Error);

/// Makes a self-signed certificate (ECDSA P-256); returns its DER and that of its key (PKCS #8). What counts is the
/// certificate's SHA-256 in the membership; names and dates in it mean nothing.
///
/// # Errors
/// [`CertificateError`].
pub fn make_certificate() -> Result<(Vec<u8>, Vec<u8>), CertificateError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(vec!["localhost".into()])?;
    params.distinguished_name.push(DnType::CommonName, "salus node");
    let certificate = params.self_signed(&key)?;
    Ok((certificate.der().to_vec(), key.serialize_der()))
}
