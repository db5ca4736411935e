//! Answers that this node pages itself, because it takes something out of what the engine finds, or puts several searches
//! together: apps that see a part of a record, searches over types, consents.
//!
//! A page is filled from the engine's pages, and ends after the last entry that the caller may see. The next page begins
//! exactly there: the engine is asked for a page that ends at that entry, and *its* link to the next one, which stays true
//! while rows are written, is what the caller gets, sealed. So neither the number of pages nor what stands in a link tells
//! of what was left out.
//!
//! A link is sealed under the node's storage key, for one caller and one path: nobody makes one, reads one, or uses that of
//! another. What it leads to is asked for with the permit of whoever follows it, decided anew.

use super::FHIR_JSON;
use super::authorise::Permit;
use super::forward::{self, Forward};
use super::json::{Object, write_string};
use super::narrow::Narrowing;
use super::principal::Principal;
use crate::engine::EngineError;
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, aead, random};
use salus_types::label;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Pages of the engine that are read for one answer, and how many entries a page has.
const PAGES_MAX: usize = 20;
pub(crate) const PAGE_ENTRIES: usize = 500;
/// Longest link in bytes: a path and its query must stay below what this node itself takes.
const TOKEN_BYTES_MAX: usize = 6 * 1024;
/// Bytes of a link's salt.
const SALT_BYTES: usize = 32;
/// The parameter of a link.
pub(crate) const PAGE: &str = "_page";
const PAGE_KEY: Label = Label::new(label::FHIR_PAGE);

/// Where entries come from.
pub(crate) enum Source<'a> {
    /// A search of the engine: path and query, without `_count`.
    Engine(&'a Permit, String),
    /// Entries that this node makes itself, by names that are in order.
    Own(Vec<(String, String)>),
}

/// What is asked for.
pub(crate) struct Paged<'a> {
    /// In this order.
    pub(crate) sources: Vec<Source<'a>>,
    /// Most entries of a page; `None`: all of them in one.
    pub(crate) count: Option<usize>,
    /// Where to go on; the beginning, if nowhere.
    pub(crate) from: Place,
    /// What may be seen; `None`: everything that the engine answers.
    pub(crate) narrowing: Option<&'a Narrowing>,
}

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Which source.
    pub(crate) source: usize,
    /// The engine's own link, or the name after which own entries go on.
    pub(crate) at: Option<String>,
    /// What the first page asked, for searches that go over several types.
    #[serde(default)]
    pub(crate) asked: String,
    /// Entries of a page.
    #[serde(default)]
    pub(crate) count: usize,
}

/// One page.
pub(crate) struct Filled {
    entries: Vec<String>,
    kind: String,
    next: Option<Place>,
    /// Whether these are all.
    whole: bool,
}

/// The caller and the path to which a link belongs.
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    /// Of a principal on a path.
    pub(crate) fn of(principal: &Principal, path: &str) -> Self {
        let (kind, who, patient) = match principal {
            Principal::System(system) => ("system", system.client.as_str(), ""),
            Principal::App(app) => ("app", app.client.as_str(), app.patient.as_str()),
            Principal::Practitioner(who) => {
                ("practitioner", who.id.as_str(), who.patient.as_deref().unwrap_or_default())
            }
        };
        Self([kind, who, patient, path.trim_end_matches('/')].join("\n").into_bytes())
    }

    fn key(&self, gateway: &Gateway, salt: &[u8]) -> Secret32 {
        kdf::derive(PAGE_KEY, gateway.ports.storage.expose(), salt, &[&self.0])
    }

    /// Seals a place. `None` if it is too long for a link.
    fn seal(&self, gateway: &Gateway, place: &Place) -> Option<String> {
        let plain = serde_json::to_vec(place).ok()?;
        let salt: [u8; SALT_BYTES] = random::bytes();
        let sealed = aead::seal(&self.key(gateway, &salt), &[], &plain);
        let token = URL_SAFE_NO_PAD.encode([salt.as_slice(), &sealed].concat());
        (token.len() <= TOKEN_BYTES_MAX).then_some(token)
    }

    /// Opens a link of the same caller on the same path.
    ///
    /// # Errors
    /// [`Code::Invalid`].
    pub(crate) fn open(&self, gateway: &Gateway, token: &str) -> Result<Place> {
        let refused =
            || Error::new(Code::Invalid, "this link to a page is not valid, or not for this caller");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let (salt, sealed) = bytes.split_at_checked(SALT_BYTES).ok_or_else(refused)?;
        let plain = aead::open(&self.key(gateway, salt), &[], sealed).map_err(|_| refused())?;
        serde_json::from_slice(&plain).map_err(|_| refused())
    }
}

/// The link that a query follows.
pub(crate) fn token_of(query: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == PAGE)
        .map(|(_, token)| token.into_owned())
}

/// How many entries a query wants on a page.
///
/// # Errors
/// [`Code::Invalid`] if it is no number.
pub(crate) fn count_of(query: &str) -> Result<Option<usize>> {
    let count = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "_count").last();
    let Some((_, count)) = count else { return Ok(None) };
    let number = count.parse::<usize>();
    number
        .map(|count| Some(count.min(PAGE_ENTRIES)))
        .map_err(|_| Error::new(Code::Invalid, "`_count` must be a number that is not negative"))
}

/// A query without some parameters.
pub(crate) fn without(query: &str, names: &[&str]) -> String {
    let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !names.contains(&name.as_ref()));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
}

/// An entry of the engine's answer.
pub(crate) struct RawEntry {
    /// The whole entry.
    pub(crate) text: String,
    /// Whether the caller may see it.
    pub(crate) shown: bool,
}

/// One page of the engine.
pub(crate) struct EnginePage {
    pub(crate) kind: String,
    pub(crate) entries: Vec<RawEntry>,
    /// Path and query of the next one.
    pub(crate) next: Option<String>,
}

/// Understands a page of the engine.
///
/// # Errors
/// A link that is not understood is a fault: what it leads to would be missing without a word.
pub(crate) fn understand(narrowing: Option<&Narrowing>, text: &str) -> Result<EnginePage> {
    let malformed = || Error::from(EngineError::Malformed);
    let bundle = Object::parse(text).ok_or_else(malformed)?;
    let kind = bundle.text("type").ok_or_else(malformed)?;
    let entries: Vec<&RawValue> = match bundle.raw("entry") {
        Some(raw) => serde_json::from_str(raw).map_err(|_| malformed())?,
        None => Vec::new(),
    };
    let shown = |entry: &str| match narrowing {
        None => true,
        Some(narrowing) => {
            let resource = Object::parse(entry).and_then(|entry| entry.raw("resource").map(str::to_owned));
            resource.is_some_and(|resource| narrowing.shows(&resource))
        }
    };
    let entries = entries.into_iter().map(RawValue::get);
    let entries = entries.map(|text| RawEntry { shown: shown(text), text: text.to_owned() }).collect();
    let next = bundle.raw("link").map(next_of).transpose()?.flatten();
    Ok(EnginePage { kind, entries, next })
}

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

/// Asks the engine for a page.
///
/// # Errors
/// What the engine refuses, in words for its status: the engine's own may say again what was asked for.
pub(crate) async fn fetch(
    gateway: &Gateway,
    permit: &Permit,
    narrowing: Option<&Narrowing>,
    path: &str,
) -> Result<EnginePage> {
    let (status, bytes) = forward::read(gateway, Forward::new(Method::GET, path, permit)).await?;
    if status != StatusCode::OK {
        return Err(Error::of_status(status));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| EngineError::Malformed)?;
    understand(narrowing, text)
}

fn with_count(path: &str, count: usize) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = without(query, &["_count"]);
    let separator = if query.is_empty() { "" } else { "&" };
    format!("{path}?{query}{separator}_count={count}")
}

fn too_much() -> Error {
    Error::new(Code::TooLarge, "there is too much for one answer; ask for a shorter time")
}

/// The entry at which a page would end, and how to go on after it.
enum Cut {
    /// Nothing was taken yet.
    Nowhere,
    /// At the end of a source.
    Source(usize),
    /// After an own entry.
    Own(usize, String),
    /// At the end of a page of the engine.
    Link(usize, String),
    /// Within a page of the engine: its path, and how many of its entries.
    Within(usize, String, usize),
}

impl Paged<'_> {
    /// Fills a page.
    ///
    /// # Errors
    /// As [`fetch`]; [`Code::TooLarge`] beyond 10,000 entries of the engine.
    pub(crate) async fn fill(&self, gateway: &Gateway) -> Result<Filled> {
        let mut filling =
            Filling { entries: Vec::new(), kind: "searchset".into(), cut: Cut::Nowhere, pages: 0 };
        let mut at = self.from.at.clone();
        for (number, source) in self.sources.iter().enumerate().skip(self.from.source) {
            let full = match source {
                Source::Own(entries) => self.take_own(&mut filling, number, entries, at.take()),
                Source::Engine(permit, path) => {
                    let start = at.take().unwrap_or_else(|| path.clone());
                    self.take(gateway, &mut filling, number, permit, start).await?
                }
            };
            if full {
                let next = self.next(gateway, filling.cut).await?;
                return Ok(Filled {
                    entries: filling.entries,
                    kind: filling.kind,
                    next: Some(next),
                    whole: false,
                });
            }
        }
        let whole = self.from.source == 0 && self.from.at.is_none();
        Ok(Filled { entries: filling.entries, kind: filling.kind, next: None, whole })
    }

    /// How many entries are asked for at once: where all are shown, no more than the page needs, and one that tells whether
    /// there is another.
    fn page_entries(&self) -> usize {
        match (self.narrowing, self.count) {
            (None, Some(count)) if count > 0 => (count + 1).min(PAGE_ENTRIES),
            _ => PAGE_ENTRIES,
        }
    }

    fn is_full(&self, filling: &Filling) -> bool {
        // Nothing of them is answered where none is wanted: then all are counted.
        self.count.is_some_and(|count| count > 0 && filling.entries.len() >= count)
    }

    /// Takes own entries; whether there is one too many.
    fn take_own(
        &self,
        filling: &mut Filling,
        number: usize,
        entries: &[(String, String)],
        after: Option<String>,
    ) -> bool {
        for (name, entry) in
            entries.iter().filter(|(name, _)| after.as_ref().is_none_or(|after| name > after))
        {
            if self.is_full(filling) {
                return true;
            }
            filling.entries.push(entry.clone());
            filling.cut = Cut::Own(number, name.clone());
        }
        false
    }

    /// Takes what the engine has; whether there is one too many.
    async fn take(
        &self,
        gateway: &Gateway,
        filling: &mut Filling,
        number: usize,
        permit: &Permit,
        start: String,
    ) -> Result<bool> {
        let mut path = with_count(&start, self.page_entries());
        loop {
            if filling.pages >= PAGES_MAX {
                return Err(too_much());
            }
            filling.pages += 1;
            let page = fetch(gateway, permit, self.narrowing, &path).await?;
            filling.kind = page.kind;
            let length = page.entries.len();
            for (index, entry) in page.entries.into_iter().enumerate().filter(|(_, entry)| entry.shown) {
                if self.is_full(filling) {
                    return Ok(true);
                }
                filling.entries.push(entry.text);
                filling.cut = match (&page.next, index + 1 == length) {
                    (Some(next), true) => Cut::Link(number, next.clone()),
                    (None, true) => Cut::Source(number + 1),
                    _ => Cut::Within(number, path.clone(), index + 1),
                };
            }
            match page.next {
                Some(next) => path = next,
                None => return Ok(false),
            }
        }
    }

    /// Where the page after a cut begins.
    async fn next(&self, gateway: &Gateway, cut: Cut) -> Result<Place> {
        let place = |source, at| Place { source, at, asked: self.from.asked.clone(), count: self.from.count };
        let (number, path, taken) = match cut {
            Cut::Nowhere => return Ok(place(self.from.source, self.from.at.clone())),
            Cut::Source(number) => return Ok(place(number, None)),
            Cut::Own(number, name) => return Ok(place(number, Some(name))),
            Cut::Link(number, link) => return Ok(place(number, Some(link))),
            Cut::Within(number, path, taken) => (number, path, taken),
        };
        let Some(Source::Engine(permit, _)) = self.sources.get(number) else {
            return Err(Error::internal("a page was cut in a search that is not there"));
        };
        let page = fetch(gateway, permit, None, &with_count(&path, taken)).await?;
        // Between the two questions the rest may have been deleted: then the next page begins with the next source.
        Ok(match page.next {
            Some(link) => place(number, Some(link)),
            None => place(number + 1, None),
        })
    }
}

/// A page on its way.
struct Filling {
    entries: Vec<String>,
    kind: String,
    cut: Cut,
    pages: usize,
}

impl Filled {
    /// The Bundle. `path` is what follows the public address.
    ///
    /// # Errors
    /// [`Code::TooLarge`] if a link would be too long.
    pub(crate) fn bundle(
        self,
        gateway: &Gateway,
        binding: &Binding,
        path: &str,
        count_only: bool,
    ) -> Result<String> {
        let mut out = String::from("{\"resourceType\":\"Bundle\",\"type\":");
        write_string(&mut out, &self.kind);
        if self.kind == "searchset" && self.whole && self.next.is_none() {
            out.push_str(&format!(",\"total\":{}", self.entries.len()));
        }
        if let Some(next) = &self.next {
            let token = binding.seal(gateway, next).ok_or_else(|| {
                Error::new(
                    Code::TooLarge,
                    "the search is too long to be paged; ask with fewer criteria, or without `_count`",
                )
            })?;
            out.push_str(",\"link\":[{\"relation\":\"next\",\"url\":");
            write_string(&mut out, &format!("{}{path}?{PAGE}={token}", gateway.config.public_url));
            out.push_str("}]");
        }
        if !self.entries.is_empty() && !count_only {
            out.push_str(&format!(",\"entry\":[{}]", self.entries.join(",")));
        }
        out.push('}');
        Ok(out)
    }
}

/// A Bundle as an answer.
pub(crate) fn answer(bundle: String) -> Response<Body> {
    let mut response = Response::new(Body::from(bundle));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    response
}

/// All entries that a path leads to, whole.
///
/// # Errors
/// As [`fetch`]; [`Code::TooLarge`] beyond 10,000 entries.
pub(crate) async fn all(
    gateway: &Gateway,
    permit: &Permit,
    narrowing: Option<&Narrowing>,
    path: &str,
) -> Result<Vec<String>> {
    rest(gateway, permit, narrowing, with_count(path, PAGE_ENTRIES)).await
}

/// The same from a link of the engine on.
///
/// # Errors
/// As [`all`].
pub(crate) async fn rest(
    gateway: &Gateway,
    permit: &Permit,
    narrowing: Option<&Narrowing>,
    mut path: String,
) -> Result<Vec<String>> {
    let mut entries = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = fetch(gateway, permit, narrowing, &path).await?;
        entries.extend(page.entries.into_iter().filter(|entry| entry.shown).map(|entry| entry.text));
        match page.next {
            Some(next) => path = next,
            None => return Ok(entries),
        }
    }
    Err(too_much())
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_types::category::Category;

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
            let shown = |page: EnginePage| {
                let entries = page.entries.into_iter().filter(|entry| entry.shown).map(|entry| entry.text);
                (entries.collect::<String>(), page.kind, page.next)
            };
            understand(Some(&labs()), &text).map(shown)
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
    fn a_count_is_a_number_and_no_page_is_larger_than_the_engine_s() {
        for (query, count) in
            [("", Some(None)), ("a=b&_count=7", Some(Some(7))), ("_count=9999", Some(Some(500)))]
        {
            assert_eq!(count_of(query).ok(), count, "{query}");
        }
        for query in ["_count=", "_count=-1", "_count=x", "_count=1.5"] {
            assert!(count_of(query).is_err(), "{query}");
        }
        assert_eq!(with_count("/fhir/A?code=a%7Cb&_count=9", 3), "/fhir/A?code=a%7Cb&_count=3");
        assert_eq!(with_count("/fhir/A", 3), "/fhir/A?_count=3");
    }
}
