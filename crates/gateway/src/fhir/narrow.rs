//! Answers to a caller who may see a part of a patient's record only: chosen categories, types, or `category` values.
//!
//! Every resource is judged on its way out, whatever the query was, so nothing rests on how the engine understands it. A
//! search is read to its end here and answered as one bundle: a `total` or a further page would tell that something was
//! taken out. Parameters that shape resources, or ask about others, are refused: what is judged must be whole.

use super::ask::{Ask, What};
use super::authorise::Permit;
use super::forward::{self, Forward};
use super::json::{Object, write_string};
use crate::engine::{EngineError, read_whole};
use crate::error::{Code, Error, Result};
use crate::smart::Scopes;
use crate::state::Gateway;
use axum::body::{Body, to_bytes};
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Response, StatusCode, Uri, header};
use salus_policy::{Area, area_of};
use salus_types::category::Category;
use serde_json::value::RawValue;

/// Pages of the engine that are read for one answer, and how many entries a page has.
const PAGES_MAX: usize = 20;
const PAGE_ENTRIES: usize = 500;
/// Largest page of the engine.
const PAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Parameters with a leading underscore that neither shape resources nor ask about others.
const HARMLESS: [&str; 5] = ["_id", "_lastUpdated", "_count", "_sort", "_format"];

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
        use What::{CompartmentSearch, Everything, InstanceHistory, Read, Search, Version};
        match ask.what {
            Read | Version | InstanceHistory | Search | CompartmentSearch | Everything => Ok(()),
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
        let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "_count");
        let mut out = form_urlencoded::Serializer::new(String::new());
        out.extend_pairs(kept).append_pair("_count", &PAGE_ENTRIES.to_string());
        out.finish()
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
        let (mut entries, kind, mut next) = self.page(first)?;
        let mut pages = 1;
        while let Some(path) = next {
            if pages >= PAGES_MAX {
                return Err(Error::new(
                    Code::TooLarge,
                    "there is too much for one answer; ask for a shorter time",
                ));
            }
            let answer = forward::send(gateway, Forward::new(Method::GET, &path, permit)).await?;
            let (head, body) = answer.into_parts();
            forward::check(&head)?;
            if head.status != StatusCode::OK {
                return Err(EngineError::Malformed.into());
            }
            let bytes = read_whole(body).await?;
            let text = std::str::from_utf8(&bytes).map_err(|_| EngineError::Malformed)?;
            let (more, _, further) = self.page(text)?;
            entries.extend(more);
            next = further;
            pages += 1;
        }
        let mut out = String::from("{\"resourceType\":\"Bundle\",\"type\":");
        write_string(&mut out, &kind);
        if kind == "searchset" {
            out.push_str(&format!(",\"total\":{}", entries.len()));
        }
        if !entries.is_empty() {
            out.push_str(&format!(",\"entry\":[{}]", entries.join(",")));
        }
        out.push('}');
        Ok(out)
    }

    /// The entries of a page that may be seen, the bundle's type, and the path of the next page.
    fn page(&self, text: &str) -> Result<(Vec<String>, String, Option<String>)> {
        let malformed = || Error::from(EngineError::Malformed);
        let bundle = Object::parse(text).ok_or_else(malformed)?;
        let kind = bundle.text("type").ok_or_else(malformed)?;
        let entries: Vec<&RawValue> = match bundle.raw("entry") {
            Some(raw) => serde_json::from_str(raw).map_err(|_| malformed())?,
            None => Vec::new(),
        };
        let seen = entries.into_iter().map(RawValue::get).filter(|entry| {
            let resource = Object::parse(entry).and_then(|entry| entry.raw("resource").map(str::to_owned));
            resource.is_some_and(|resource| self.shows(&resource))
        });
        let seen = seen.map(str::to_owned).collect();
        let next = bundle.raw("link").map(next_of).transpose()?.flatten();
        Ok((seen, kind, next))
    }
}

/// The path and query of the next page, within this server. One that is not understood is a fault: what it leads to would
/// be missing without a word.
pub(crate) fn next_of(links: &str) -> Result<Option<String>> {
    let malformed = || Error::from(EngineError::Malformed);
    let links: Vec<&RawValue> = serde_json::from_str(links).map_err(|_| malformed())?;
    let mut links = links.into_iter().filter_map(|link| Object::parse(link.get()));
    let Some(next) = links.find(|link| link.text("relation").as_deref() == Some("next")) else {
        return Ok(None);
    };
    let uri: Uri = next.text("url").and_then(|url| url.parse().ok()).ok_or_else(malformed)?;
    let path = uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
    let at = path.find("/fhir/").ok_or_else(malformed)?;
    Ok(Some(path[at..].to_owned()))
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

    fn labs() -> Narrowing {
        Narrowing::of("patient/*.rs".parse().expect("scopes"), Some(&[Category::Labs])).expect("narrow")
    }

    #[test]
    fn a_page_shows_what_was_chosen_and_leads_to_the_next() {
        let lab = r#"{"resource":{"resourceType":"Observation","category":[{"coding":[{"code":"laboratory"}]}],"valueDecimal":1.10}}"#;
        let other =
            r#"{"resource":{"resourceType":"Observation","category":[{"coding":[{"code":"vital-signs"}]}]}}"#;
        let outcome = r#"{"resource":{"resourceType":"OperationOutcome"}},{"fullUrl":"x"},{"resource":"x"}"#;
        let page = |links: &str| {
            let text = format!(
                r#"{{"resourceType":"Bundle","type":"searchset","total":9,{links}"entry":[{lab},{other},{outcome}]}}"#
            );
            labs().page(&text).map(|(entries, kind, next)| (entries.join(""), kind, next))
        };
        let expected =
            |next: Option<&str>| Ok((lab.to_owned(), "searchset".to_owned(), next.map(str::to_owned)));
        assert_eq!(page(""), expected(None), "the text of what is shown stays as it is");
        for (links, next) in [
            (r#""link":[{"relation":"self","url":"https://a.example/fhir/Observation"}],"#, None),
            (
                r#""link":[{"relation":"next","url":"https://a.example/fhir/Observation?_cursor=x%3D"}],"#,
                Some("/fhir/Observation?_cursor=x%3D"),
            ),
            (r#""link":[{"relation":"next","url":"/fhir/_history?a=b"}],"#, Some("/fhir/_history?a=b")),
        ] {
            assert_eq!(page(links), expected(next), "{links}");
        }
        for links in [
            r#""link":[{"relation":"next","url":"https://a.example/elsewhere"}],"#,
            r#""link":[{"relation":"next"}],"#,
            r#""link":"next","#,
        ] {
            assert!(page(links).is_err(), "nothing is left out without a word: {links}");
        }
    }

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
