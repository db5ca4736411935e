//! A node's own certificate, made once, before the genesis that pins it.

use crate::tls::Identity;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use salus_types::OrganisationId;

/// The certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the certificate cannot be made: {0}")]
pub struct CertificateError(#[from] rcgen::Error);

/// Makes a self-signed certificate (ECDSA P-256) that carries the organisation's short name. What counts is its
/// SHA-256 in the membership; names and dates in it are for people who look at connections.
///
/// # Errors
/// [`CertificateError`].
pub fn make_certificate(organisation: &OrganisationId) -> Result<Identity, CertificateError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(vec![organisation.as_str().to_owned(), "localhost".into()])?;
    params.distinguished_name.push(DnType::CommonName, organisation.as_str());
    let certificate = params.self_signed(&key)?;
    Ok(Identity {
        certificate: CertificateDer::from(certificate.der().to_vec()),
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
    })
}
