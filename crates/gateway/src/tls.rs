//! Mutual TLS between nodes: each side accepts exactly the certificates that the membership pins by SHA-256.
//!
//! No certificate authority is involved, and validity dates are not looked at: the membership is what says
//! who belongs to the network, and governance replaces a certificate by changing it. Every handshake looks the members
//! up anew; a connection that outlives a membership is refused by [`crate::serve`], request by request.

use crate::chain::Chain;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};
use salus_crypto::hash::sha256;
use salus_types::{Digest, OrganisationId};
use std::fmt;
use std::sync::Arc;

/// A node's certificate and key, DER.
pub struct Identity {
    /// The certificate that the membership pins.
    pub certificate: CertificateDer<'static>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { certificate: self.certificate.clone(), key: self.key.clone_key() }
    }
}

/// Which organisation a certificate belongs to.
pub struct Pins {
    whose: Whose,
    provider: Arc<CryptoProvider>,
}

enum Whose {
    /// Whoever is a member at that moment.
    Members(Arc<dyn Chain>),
    /// One organisation, with its certificate.
    One(OrganisationId, Digest),
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pins")
    }
}

impl Pins {
    /// Every member of the network, at the moment of each handshake.
    pub fn of(chain: Arc<dyn Chain>) -> Self {
        Self::new(Whose::Members(chain))
    }

    /// One organisation only: for a client that means to reach exactly it.
    pub fn only(organisation: OrganisationId, certificate: Digest) -> Self {
        Self::new(Whose::One(organisation, certificate))
    }

    fn new(whose: Whose) -> Self {
        Self { whose, provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()) }
    }

    /// The owner of a certificate.
    pub fn owner(&self, certificate: &CertificateDer<'_>) -> Option<OrganisationId> {
        self.owner_of(&sha256(certificate))
    }

    /// The owner of the certificate with a SHA-256. One that two members name belongs to neither.
    pub fn owner_of(&self, certificate: &Digest) -> Option<OrganisationId> {
        match &self.whose {
            Whose::One(organisation, pinned) => (pinned == certificate).then(|| organisation.clone()),
            Whose::Members(chain) => {
                let network = chain.network();
                let mut owners =
                    network.organisations().filter(|member| member.tls_certificate == *certificate);
                let owner = owners.next()?.id.clone();
                owners.next().is_none().then_some(owner)
            }
        }
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        let known = self.owner(certificate).is_some();
        known
            .then_some(())
            .ok_or(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS 1.2 is not offered; were it asked for, it would be refused here too.
fn no_tls12() -> rustls::Error {
    rustls::Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered)
}

impl ClientCertVerifier for Pins {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(certificate).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(certificate).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

/// TLS of the peer listener: 1.3 only, client certificate required and pinned.
///
/// # Errors
/// If the certificate and key do not fit.
pub fn peer_server(pins: Arc<Pins>, identity: Identity) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&pins.provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(pins)
        .with_single_cert(vec![identity.certificate], identity.key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// TLS towards another node: 1.3 only, own certificate shown, the other's pinned.
///
/// # Errors
/// If the certificate and key do not fit.
pub fn peer_client(pins: Arc<Pins>, identity: Identity) -> Result<ClientConfig, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::clone(&pins.provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(pins)
        .with_client_auth_cert(vec![identity.certificate], identity.key)
}

/// TLS of the public listener: 1.3 only, with X25519MLKEM768 preferred.
///
/// # Errors
/// If the certificates and key do not fit.
pub fn public_server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// TLS of a feed's listener: a certificate of the sender is required, signed by one of `clients`. 1.2, too, for what
/// hospitals run.
///
/// # Errors
/// If the certificates and key do not fit.
pub fn feed_server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: Vec<CertificateDer<'static>>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for client in clients {
        roots.add(client)?;
    }
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = verifier.build().map_err(|error| rustls::Error::General(error.to_string()))?;
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
}
