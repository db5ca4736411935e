//! The certificate of the public routes. The one between nodes is pinned by the membership: its dates do not count.

use super::{Check, Home};
use crate::clock::now_ms;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// From when on it should be renewed, in days.
const DAYS_LEFT_MIN: i64 = 21;
const DAY_S: i64 = 86_400;

pub(super) fn look(home: &Home) -> Check {
    let Some(tls) = &home.file.public_tls else {
        let advice = "name a certificate in node.json before others use this node";
        return match home.file.demo_http {
            true => Check::ok("certificate", "none: a demo on this machine, over plain HTTP"),
            false => Check::failure(
                "certificate",
                "the public routes have none, and the node does not start",
                advice,
            ),
        };
    };
    let now = now_ms().map_or(0, |ms| i64::try_from(ms / 1_000).unwrap_or(i64::MAX));
    let ends = CertificateDer::from_pem_file(home.path.join(&tls.certificates))
        .map_err(|error| error.to_string())
        .and_then(|der| end_of(&der));
    match ends {
        Ok(ends) => judge(ends, now),
        Err(error) => {
            Check::failure("certificate", format!("cannot be read: {error}"), "put the chain in place as PEM")
        }
    }
}

/// When a certificate ends, in seconds since 1970-01-01 UTC.
fn end_of(der: &CertificateDer<'_>) -> Result<i64, String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    Ok(certificate.validity().not_after.timestamp())
}

/// Judges the end of a certificate.
pub(super) fn judge(ends_s: i64, now_s: i64) -> Check {
    let days = (ends_s - now_s).div_euclid(DAY_S);
    match days {
        ..0 => Check::failure(
            "certificate",
            format!("ended {} days ago", -days),
            "renew it and restart the node",
        ),
        0..DAYS_LEFT_MIN => {
            Check::warning("certificate", format!("ends in {days} days"), "renew it and restart the node")
        }
        _ => Check::ok("certificate", format!("good for {days} more days")),
    }
}
