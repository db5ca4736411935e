//! Answers to a caller who may see a part of a patient's record only: chosen categories, types, or `category` values.
//!
//! Every resource is judged on its way out, whatever the query was, so nothing rests on how the engine understands it. An
//! answer is read to its end here and given as one bundle, or in pages of what is shown ([`super::pages`]) where the
//! caller names a `_count`: the engine's `total` and pages would tell that something was taken out. Parameters that shape
//! resources, or ask about others, are refused: what is judged must be whole.

use super::ask::{Ask, What};
use super::authorise::Permit;
use super::json::{Object, write_string};
use super::pages;
use crate::engine::EngineError;
use crate::error::{Code, Error, Result};
use crate::smart::Scopes;
use crate::state::Gateway;
use axum::body::{Body, to_bytes};
use axum::http::{Response, StatusCode, header};
use salus_policy::{Area, area_of};
use salus_types::category::Category;

/// Largest page of the engine.
const PAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Parameters with a leading underscore that neither shape resources nor ask about others.
const HARMLESS: [&str; 8] =
    ["_id", "_lastUpdated", "_count", "_sort", "_format", "_since", "_type", pages::PAGE];

/// What of a record may be seen.
#[derive(Clone, Debug)]
pub(crate) struct Narrowing {
    scopes: Scopes,
    /// `None`: all.
    categories: Option<Vec<Category>>,
}

impl Narrowing {
    /// `None` if everything may be seen.
    pub(crate) fn of(scopes: Scopes, categories: Option<&[Category]>) -> Option<Self> {
        let whole = categories.is_none_or(|some| Category::ALL.iter().all(|one| some.contains(one)));
        let narrow = scopes.granular() || !whole;
        narrow.then(|| Self { scopes, categories: categories.map(<[_]>::to_vec) })
    }

    /// Whether the interaction's answer can be judged.
    ///
    /// # Errors
    /// [`Code::Scope`].
    pub(crate) fn check_ask(ask: &Ask) -> Result<()> {
        use What::{CompartmentSearch, Everything, InstanceHistory, Read, Search, Summary, Version};
        match ask.what {
            Read | Version | InstanceHistory | Search | CompartmentSearch | Everything | Summary => Ok(()),
            _ => Err(Error::new(
                Code::Scope,
                "this needs a reach over the whole record, which this caller has not",
            )),
        }
    }

    /// Whether a query leaves resources whole and asks about nothing else.
    ///
    /// # Errors
    /// [`Code::Scope`].
    pub(crate) fn check_query(query: &str) -> Result<()> {
        let harmless = |name: &str| {
            let bare = name.split(':').next().unwrap_or_default();
            !name.contains('.') && (!name.starts_with('_') || HARMLESS.contains(&bare))
        };
        if form_urlencoded::parse(query.as_bytes()).all(|(name, _)| harmless(&name)) {
            return Ok(());
        }
        Err(Error::new(
            Code::Scope,
            "includes, chains and what shapes resources need a reach over the whole record, which this caller has not",
        ))
    }

    /// The query that is sent on: in pages as large as can be, whatever the caller wants them to be.
    pub(crate) fn widened(query: &str) -> String {
        let query = pages::without(query, &["_count"]);
        let separator = if query.is_empty() { "" } else { "&" };
        format!("{query}{separator}_count={}", pages::PAGE_ENTRIES)
    }

    /// Whether a resource may be seen, from its exact text.
    pub(crate) fn shows(&self, text: &str) -> bool {
        let Some(object) = Object::parse(text) else { return false };
        let Some(kind) = object.text("resourceType") else { return false };
        let own = categories_of(&object);
        if !self.scopes.show(&kind, |wanted| is_of(&own, wanted)) {
            return false;
        }
        let chosen = |categories: &Vec<Category>| {
            area_of(&kind) == Area::Administrative
                || categories.contains(&salus_vault::category::category(&kind, text))
        };
        self.categories.as_ref().is_none_or(chosen)
    }

    /// The answer with what may be seen; a single resource that may not is not there.
    pub(crate) async fn apply(
        &self,
        gateway: &Gateway,
        ask: &Ask,
        permit: &Permit,
        answer: Response<Body>,
    ) -> Result<Response<Body>> {
        if answer.status() != StatusCode::OK {
            return Ok(answer);
        }
        let (mut parts, body) = answer.into_parts();
        let bytes = to_bytes(body, PAGE_BYTES_MAX).await.map_err(|_| EngineError::TooLarge)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| EngineError::Malformed)?;
        parts.headers.remove(header::CONTENT_LENGTH);
        if matches!(ask.what, What::Read | What::Version) {
            return match self.shows(text) {
                true => Ok(Response::from_parts(parts, Body::from(bytes))),
                false => Err(Error::new(Code::NotFound, "there is no such record, or not for this caller")),
            };
        }
        let bundle = self.whole(gateway, permit, text).await?;
        Ok(Response::from_parts(parts, Body::from(bundle)))
    }

    /// One bundle of all pages.
    async fn whole(&self, gateway: &Gateway, permit: &Permit, first: &str) -> Result<String> {
        let first = pages::understand(Some(self), first)?;
        let mut entries: Vec<String> =
            first.entries.into_iter().filter(|entry| entry.shown).map(|entry| entry.text).collect();
        if let Some(next) = first.next {
            entries.extend(pages::rest(gateway, permit, Some(self), next).await?);
        }
        let mut out = String::from("{\"resourceType\":\"Bundle\",\"type\":");
        write_string(&mut out, &first.kind);
        if first.kind == "searchset" {
            out.push_str(&format!(",\"total\":{}", entries.len()));
        }
        if !entries.is_empty() {
            out.push_str(&format!(",\"entry\":[{}]", entries.join(",")));
        }
        out.push('}');
        Ok(out)
    }
}

/// System and code of every `category` of a resource; a bare code has no system.
fn categories_of(object: &Object<'_>) -> Vec<(Option<String>, String)> {
    let value: serde_json::Value =
        object.raw("category").and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
    let concepts = match value {
        serde_json::Value::Array(concepts) => concepts,
        one => vec![one],
    };
    let mut found = Vec::new();
    for concept in concepts {
        if let Some(code) = concept.as_str() {
            found.push((None, code.to_owned()));
        }
        for coding in concept["coding"].as_array().into_iter().flatten() {
            if let Some(code) = coding["code"].as_str() {
                found.push((coding["system"].as_str().map(str::to_owned), code.to_owned()));
            }
        }
    }
    found
}

/// Whether one of them is wanted: `SYSTEM|CODE`, or `CODE` in any system.
fn is_of(own: &[(Option<String>, String)], wanted: &str) -> bool {
    match wanted.split_once('|') {
        Some((system, code)) => {
            own.iter().any(|(has, is)| has.as_deref().unwrap_or_default() == system && is == code)
        }
        None => own.iter().any(|(_, is)| is == wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_what_it_asks_and_loses_how_many() {
        for (query, sent) in [
            ("", "_count=500"),
            ("code=a%7Cb&_count=1", "code=a%7Cb&_count=500"),
            ("_count=0&date=ge2020&_count=7", "date=ge2020&_count=500"),
        ] {
            assert_eq!(Narrowing::widened(query), sent);
        }
    }
}
