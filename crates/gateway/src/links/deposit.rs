//! The ciphertext of a link. Who hands it in needs no other right than that the patient announced exactly these bytes.

use super::{AWAITED, FILES, LINKS};
use crate::clock;
use crate::error::{Code, Error};
use crate::state::Gateway;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salus_crypto::hash::sha256;
use serde_json::Value;

/// Keeps what a letter announced. Repeated, it finds nothing that waits.
///
/// # Errors
/// [`Code::Invalid`] for what is no JWE, [`Code::NotFound`] for what nobody announced.
pub(crate) async fn deposit(gateway: &Gateway, body: &[u8]) -> Result<StatusCode, Error> {
    let text =
        jwe(body).ok_or_else(|| Error::new(Code::Invalid, "this is not encrypted as a link's file is"))?;
    let (digest, now_ms) = (sha256(body).to_string(), clock::now_ms());
    gateway
        .store
        .write(move |tx| {
            let nobody = || Error::new(Code::NotFound, "nobody announced this");
            let awaited = AWAITED.take(tx, &digest)?.ok_or_else(nobody)?;
            let link = LINKS.get_mut(tx, &awaited.link)?.filter(|link| link.holds(now_ms));
            let mut link = link.ok_or_else(nobody)?;
            if awaited.until_ms <= now_ms || awaited.bytes != text.len() as u64 {
                return Err(nobody());
            }
            link.file = Some((now_ms, awaited.bytes));
            FILES.put(tx, &awaited.link, &text)?;
            LINKS.put(tx, &awaited.link, &link)?;
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A compact JWE with a direct key (RFC 7516), as the specification of links asks for: so that a fault of a device puts
/// nothing in clear here.
fn jwe(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let parts: Vec<&str> = text.split('.').collect();
    let [head, key, iv, ciphertext, tag] = parts.as_slice() else { return None };
    let head: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).ok()?).ok()?;
    let letters =
        |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let fits = head["alg"] == "dir"
        && head["enc"] == "A256GCM"
        && key.is_empty()
        && [iv, ciphertext, tag].into_iter().all(letters)
        && (iv.len(), tag.len()) == (16, 22);
    fits.then(|| text.to_owned())
}
