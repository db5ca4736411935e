//! What a FHIR request asks: the interaction (<https://hl7.org/fhir/R4/http.html>), from method and path alone.

use super::not_offered;
use crate::error::Result;
use crate::smart::{Interaction, is_type};
use axum::http::Method;
use salus_policy::Action;

/// Every interaction that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// `GET [type]/[id]`
    Read,
    /// `GET [type]/[id]/_history/[version]`
    Version,
    /// `GET [type]/[id]/_history`
    InstanceHistory,
    /// `GET [type]/_history`
    TypeHistory,
    /// `GET _history`
    SystemHistory,
    /// `GET [type]?...`, `POST [type]/_search`
    Search,
    /// `GET Patient/[id]/[type]?...`
    CompartmentSearch,
    /// `GET [base]?_type=...`, `POST _search`
    SystemSearch,
    /// `GET Patient/[id]/$everything`
    Everything,
    /// `GET Patient/[id]/$summary`
    Summary,
    /// `POST [type]`
    Create,
    /// `PUT [type]/[id]`
    Update,
    /// `PATCH [type]/[id]`
    Patch,
    /// `DELETE [type]/[id]`
    Delete,
    /// `PUT`, `PATCH`, `DELETE [type]?...`
    Conditional,
    /// `POST` of a batch or transaction
    Batch,
    /// `POST [type]/$validate`, `POST [type]/[id]/$validate`
    Validate,
    /// `GET [type]/[id]/$proof`
    Proof,
    /// `GET`, `POST $export`, `Patient/$export`, `Group/[id]/$export`
    Export,
    /// `POST $import`
    Import,
}

impl What {
    /// Every interaction.
    pub const ALL: &'static [Self] = &[
        Self::Read,
        Self::Version,
        Self::InstanceHistory,
        Self::TypeHistory,
        Self::SystemHistory,
        Self::Search,
        Self::CompartmentSearch,
        Self::SystemSearch,
        Self::Everything,
        Self::Summary,
        Self::Create,
        Self::Update,
        Self::Patch,
        Self::Delete,
        Self::Conditional,
        Self::Batch,
        Self::Validate,
        Self::Proof,
        Self::Export,
        Self::Import,
    ];

    /// What the policies call it.
    pub fn action(self) -> Action {
        match self {
            Self::Read | Self::Version | Self::InstanceHistory => Action::Read,
            Self::TypeHistory
            | Self::SystemHistory
            | Self::Search
            | Self::CompartmentSearch
            | Self::SystemSearch
            | Self::Everything
            | Self::Summary => Action::Search,
            Self::Create
            | Self::Update
            | Self::Patch
            | Self::Delete
            | Self::Conditional
            | Self::Batch
            | Self::Validate => Action::Write,
            Self::Proof => Action::Prove,
            Self::Export => Action::Export,
            Self::Import => Action::Import,
        }
    }

    /// Whether something is written.
    pub fn writes(self) -> bool {
        self.action() == Action::Write && self != Self::Validate
    }

    /// Whether it reaches every type, so that scopes must too.
    pub fn every_type(self) -> bool {
        matches!(self, Self::SystemHistory | Self::Everything | Self::Summary | Self::Batch)
    }

    /// The letters of SMART scopes that it needs, all of them.
    pub fn interactions(self) -> &'static [Interaction] {
        use Interaction::{Create, Delete, Read, Search, Update};
        match self {
            Self::Read | Self::Version | Self::InstanceHistory | Self::Proof => &[Read],
            Self::TypeHistory
            | Self::SystemHistory
            | Self::Search
            | Self::CompartmentSearch
            | Self::SystemSearch => &[Search],
            Self::Everything | Self::Summary | Self::Export => &[Read, Search],
            Self::Import => &[Create, Update],
            Self::Create | Self::Validate => &[Create],
            Self::Update | Self::Patch => &[Update],
            Self::Delete => &[Delete],
            // Which of them, and on which types, is known only to who reads the body or runs the search.
            Self::Conditional => &[Create, Search, Update, Delete],
            Self::Batch => &[Create, Read, Update, Delete, Search],
        }
    }
}

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The interaction.
    pub what: What,
    /// The FHIR type; `Bundle` for a batch, `Patient` for what reaches all of one patient's types.
    pub kind: String,
    /// The id, for an instance.
    pub id: Option<String>,
    /// Whose record it is, where the path or the query tells.
    pub patient: Option<String>,
}

impl Ask {
    /// Understands a request. `path` is what follows `/fhir`.
    ///
    /// # Errors
    /// [`crate::error::Code::NotSupported`] for everything that is not offered.
    pub fn parse(method: &Method, path: &str, query: Option<&str>) -> Result<Self> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        // An empty segment within is a path of its own that names nothing; some servers would read it as another.
        let segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
        let ask = match segments.as_slice() {
            [] if method == Method::POST => Self::batch(),
            [] if method == Method::GET => Self::whole(What::SystemSearch, "Bundle"),
            ["_search"] if method == Method::POST => Self::whole(What::SystemSearch, "Bundle"),
            ["_history"] if method == Method::GET => Self::whole(What::SystemHistory, "Bundle"),
            ["$export"] if begins_export(method) => Self::whole(What::Export, "Bundle"),
            ["$import"] if method == Method::POST => Self::whole(What::Import, "Bundle"),
            // These are this node's own: `subscription`.
            ["Subscription" | "SubscriptionTopic", ..] => return Err(not_offered()),
            [kind, rest @ ..] if is_type(kind) => Self::of_type(method, kind, rest)?,
            _ => return Err(not_offered()),
        };
        Ok(ask.with_patient_of(query))
    }

    fn of_type(method: &Method, kind: &str, rest: &[&str]) -> Result<Self> {
        let what = match (method.as_str(), rest) {
            ("GET", []) | ("POST", ["_search"]) => What::Search,
            ("POST", []) => What::Create,
            ("PUT" | "PATCH" | "DELETE", []) => What::Conditional,
            ("GET", ["_history"]) => What::TypeHistory,
            ("POST", ["$validate"]) => What::Validate,
            ("GET" | "POST", ["$export"]) if kind == "Patient" => What::Export,
            (_, [id, rest @ ..]) if super::is_id(id) => return Self::of_instance(method, kind, id, rest),
            _ => return Err(not_offered()),
        };
        Ok(Self::whole(what, kind))
    }

    fn of_instance(method: &Method, kind: &str, id: &str, rest: &[&str]) -> Result<Self> {
        let what = match (method.as_str(), rest) {
            ("GET", []) => What::Read,
            ("PUT", []) => What::Update,
            ("PATCH", []) => What::Patch,
            ("DELETE", []) => What::Delete,
            ("GET", ["_history"]) => What::InstanceHistory,
            ("GET", ["_history", version]) if super::is_id(version) => What::Version,
            ("GET", ["$everything"]) if kind == "Patient" => What::Everything,
            ("GET", ["$summary"]) if kind == "Patient" => What::Summary,
            ("GET" | "POST", ["$export"]) if kind == "Group" => What::Export,
            ("POST", ["$validate"]) => What::Validate,
            ("GET", [target]) if kind == "Patient" && is_type(target) => {
                let mut ask = Self::instance(What::CompartmentSearch, target, id);
                (ask.id, ask.patient) = (None, Some(id.to_owned()));
                return Ok(ask);
            }
            _ => return Err(not_offered()),
        };
        Ok(Self::instance(what, kind, id))
    }

    /// A batch or transaction.
    pub(crate) fn batch() -> Self {
        Self::whole(What::Batch, "Bundle")
    }

    /// An interaction with a type, or with the system.
    pub(crate) fn whole(what: What, kind: &str) -> Self {
        Self { what, kind: kind.to_owned(), id: None, patient: None }
    }

    /// An interaction with one resource.
    pub(crate) fn instance(what: What, kind: &str, id: &str) -> Self {
        let patient = (kind == "Patient").then(|| id.to_owned());
        Self { what, kind: kind.to_owned(), id: Some(id.to_owned()), patient }
    }

    /// With the one patient that a query names, where the path names none.
    pub(crate) fn with_patient_of(mut self, query: Option<&str>) -> Self {
        if self.patient.is_none() {
            self.patient = query.and_then(patient_of);
        }
        self
    }

    /// Whether it names a copy of another organisation's record.
    pub fn is_of_copy(&self) -> bool {
        self.id.as_deref().is_some_and(|id| id.starts_with("sx-"))
    }
}

fn begins_export(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::POST)
}

/// The one patient that a query names.
pub(crate) fn patient_of(query: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(name, value)| {
        let named = matches!(name.as_ref(), "patient" | "subject" | "patient:Patient" | "subject:Patient");
        let id = value.strip_prefix("Patient/").unwrap_or(&value);
        (named && super::is_id(id)).then(|| id.to_owned())
    })
}

/// Whether a query reaches beyond its type: includes, reverse chains, chains.
pub(crate) fn reaches_other_types(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| {
        name.starts_with("_include")
            || name.starts_with("_revinclude")
            || name.starts_with("_has")
            || name.starts_with("_query")
            || name.contains('.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interaction_has_its_place() {
        for (method, path, what, kind) in [
            ("GET", "/Observation/1", What::Read, "Observation"),
            ("GET", "/Observation/1/_history/2", What::Version, "Observation"),
            ("GET", "/Observation/1/_history", What::InstanceHistory, "Observation"),
            ("GET", "/Observation/_history", What::TypeHistory, "Observation"),
            ("GET", "/_history", What::SystemHistory, "Bundle"),
            ("GET", "/Observation", What::Search, "Observation"),
            ("POST", "/Observation/_search", What::Search, "Observation"),
            ("GET", "/Patient/1/Observation", What::CompartmentSearch, "Observation"),
            ("GET", "/", What::SystemSearch, "Bundle"),
            ("POST", "/_search", What::SystemSearch, "Bundle"),
            ("GET", "/Patient/1/$everything", What::Everything, "Patient"),
            ("GET", "/Patient/1/$summary", What::Summary, "Patient"),
            ("POST", "/Observation", What::Create, "Observation"),
            ("PUT", "/Observation/1", What::Update, "Observation"),
            ("PATCH", "/Observation/1", What::Patch, "Observation"),
            ("DELETE", "/Observation/1", What::Delete, "Observation"),
            ("PUT", "/Observation", What::Conditional, "Observation"),
            ("DELETE", "/Observation", What::Conditional, "Observation"),
            ("POST", "/", What::Batch, "Bundle"),
            ("POST", "/Observation/$validate", What::Validate, "Observation"),
            ("GET", "/$export", What::Export, "Bundle"),
            ("POST", "/Patient/$export", What::Export, "Patient"),
            ("GET", "/Group/1/$export", What::Export, "Group"),
            ("POST", "/$import", What::Import, "Bundle"),
        ] {
            let method = method.parse().expect("method");
            let ask = Ask::parse(&method, path, None).expect(path);
            assert_eq!((ask.what, ask.kind.as_str()), (what, kind), "{path}");
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        for (method, path) in [
            ("GET", "/_search"),
            ("PUT", "/"),
            ("GET", "/Observation/1/$summary"),
            ("POST", "/Patient/1/$summary"),
            ("DELETE", "/$export"),
            ("PUT", "/Patient/$export"),
            ("GET", "/Observation/$export"),
            ("GET", "/Patient/1/$export"),
            ("GET", "/$import"),
            ("POST", "/Patient/$import"),
            ("GET", "/internal/status"),
            ("GET", "/../internal/status"),
            ("GET", "/Observation/1/$everything"),
            ("GET", "/Observation/1/2"),
            ("POST", "/Observation/1"),
            ("GET", "/observation/1"),
            ("GET", "//Observation/1"),
            ("GET", "/Observation//1"),
            ("GET", "/Observation/a%2Fb"),
            ("GET", "/Observation/1/_history/2/3"),
            ("POST", "/$reindex"),
            ("OPTIONS", "/Observation/1"),
            ("POST", "/Subscription"),
            ("PUT", "/Subscription/1"),
            ("GET", "/Subscription"),
            ("GET", "/SubscriptionTopic/x"),
        ] {
            let method = method.parse().expect("method");
            assert!(Ask::parse(&method, path, None).is_err(), "{method} {path}");
        }
    }

    #[test]
    fn a_query_that_names_the_patient_is_understood() {
        assert_eq!(patient_of("code=1&patient=p1").as_deref(), Some("p1"));
        assert_eq!(patient_of("subject=Patient%2Fp1").as_deref(), Some("p1"));
        assert_eq!(patient_of("code=p1"), None);
        for query in
            ["_include=a:b", "_revinclude:iterate=a:b", "_has:Observation:patient:code=1", "subject.name=x"]
        {
            assert!(reaches_other_types(query), "{query}");
        }
        assert!(!reaches_other_types("code=1.2&_count=10"));
    }
}
