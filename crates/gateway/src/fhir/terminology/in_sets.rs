//! The search modifiers `:in` and `:not-in` (<https://hl7.org/fhir/R4/search.html#token>): the value set is listed here, and
//! the engine is asked for its codes. The engine's own way would ask another server unguarded, and drop the condition when
//! that fails.

use super::invalid;
use crate::error::{Code, Error, Result};
use crate::limits::SEARCH_CODES_BYTES_MAX;
use crate::state::Gateway;
use crate::terminology::{Member, is_url};
use form_urlencoded::Serializer;

/// What no record is coded with.
const NOTHING: &str = "https://salus.network/fhir/nothing|nothing";

/// A query with its value sets as codes; `None` if it names none.
///
/// # Errors
/// [`Code::Invalid`] for a value that is no canonical URL, or within a chain; [`Code::NotFound`] for a value set that is not
/// known; [`Code::Unprocessable`] for one that is too large; and what comes of asking the other server.
pub(crate) async fn as_codes(gateway: &Gateway, query: &str) -> Result<Option<String>> {
    let asks = |name: &str| name.ends_with(":in") || name.ends_with(":not-in");
    if !form_urlencoded::parse(query.as_bytes()).any(|(name, _)| asks(&name)) {
        return Ok(None);
    }
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut out: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs {
        let (bare, modifier) = name.rsplit_once(':').unwrap_or((&name, ""));
        if !matches!(modifier, "in" | "not-in") {
            out.push((name, value));
            continue;
        }
        if bare.contains(['.', ':']) {
            return Err(invalid("`:in` and `:not-in` are for parameters of the type itself"));
        }
        if !is_url(&value) {
            return Err(invalid("`:in` and `:not-in` take the canonical URL of one value set"));
        }
        let members = gateway.terminology.expand(&value).await?;
        let codes = members.codes.iter().map(token).collect::<Vec<_>>().join(",");
        match (modifier, codes.is_empty()) {
            ("in", true) => out.push((bare.to_owned(), NOTHING.to_owned())),
            ("in", false) => out.push((bare.to_owned(), codes)),
            (_, true) => {}
            (_, false) => out.push((format!("{bare}:not"), codes)),
        }
    }
    let query = Serializer::new(String::new()).extend_pairs(out).finish();
    if query.len() > SEARCH_CODES_BYTES_MAX {
        return Err(Error::new(Code::Unprocessable, "the value set has too many codes to search by it"));
    }
    Ok(Some(query))
}

/// `system|code`, with what has a meaning in a search escaped.
fn token(member: &Member) -> String {
    let escaped = |text: &str| {
        let mut out = String::with_capacity(text.len());
        for sign in text.chars() {
            if matches!(sign, '\\' | ',' | '|' | '$') {
                out.push('\\');
            }
            out.push(sign);
        }
        out
    };
    format!("{}|{}", escaped(&member.system), escaped(&member.code))
}
