//! Which interactions exist. Everything else of the engine's router (administration, console, settings,
//! natural-language search, bulk data, purge, reindex, SQL on FHIR) stays out of reach.

use axum::http::Method;
use engine_core::Work;

/// An interaction that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interaction {
    Metadata,
    Bundle,
    Read,
    Search,
    History,
    Validate,
    Write,
}

impl Interaction {
    /// What it asks of the store.
    pub(crate) fn work(self) -> Work {
        match self {
            Self::Metadata | Self::Read => Work::Short,
            Self::Search | Self::History | Self::Validate => Work::Long,
            Self::Bundle | Self::Write => Work::Write,
        }
    }
}

/// The interaction at `path`, relative to the FHIR base; `None` when it is not offered.
pub(crate) fn interaction(method: &Method, path: &str) -> Option<Interaction> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').filter(|s| !s.is_empty()).collect();
    let method = method.as_str();
    match (method, segments.as_slice()) {
        ("GET", ["metadata"]) => Some(Interaction::Metadata),
        ("POST", []) => Some(Interaction::Bundle),
        ("GET", ["_history"]) => Some(Interaction::History),
        (_, [kind, rest @ ..]) if is_type(kind) => of_type(method, kind, rest),
        _ => None,
    }
}

fn of_type(method: &str, kind: &str, rest: &[&str]) -> Option<Interaction> {
    match (method, rest) {
        ("GET", []) | ("POST", ["_search"]) => Some(Interaction::Search),
        ("POST" | "PUT" | "PATCH" | "DELETE", []) => Some(Interaction::Write),
        ("GET", ["_history"]) => Some(Interaction::History),
        ("POST", ["$validate"]) => Some(Interaction::Validate),
        (_, [id, rest @ ..]) if is_id(id) => of_instance(method, kind, rest),
        _ => None,
    }
}

fn of_instance(method: &str, kind: &str, rest: &[&str]) -> Option<Interaction> {
    match (method, rest) {
        ("GET" | "HEAD", []) => Some(Interaction::Read),
        ("PUT" | "PATCH" | "DELETE", []) => Some(Interaction::Write),
        ("GET", ["_history"]) => Some(Interaction::History),
        ("GET", ["_history", version]) if is_id(version) => Some(Interaction::Read),
        ("GET" | "POST", ["$validate"]) => Some(Interaction::Validate),
        ("GET" | "POST", ["$everything"]) if kind == "Patient" => Some(Interaction::Search),
        ("GET", [target]) if is_type(target) || *target == "*" => Some(Interaction::Search),
        _ => None,
    }
}

fn is_type(segment: &str) -> bool {
    segment.starts_with(|c: char| c.is_ascii_uppercase()) && segment.bytes().all(|b| b.is_ascii_alphabetic())
}

fn is_id(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    (1..=64).contains(&segment.len()) && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_interactions_are_offered() {
        use Interaction::{Bundle, History, Metadata, Read, Search, Validate, Write};
        let check = |method: &str, path: &str, expected: Option<Interaction>| {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            assert_eq!(interaction(&method, path), expected, "{method} {path}");
        };
        check("GET", "/metadata", Some(Metadata));
        check("POST", "/", Some(Bundle));
        check("POST", "", Some(Bundle));
        check("GET", "/", None);
        check("GET", "/Patient", Some(Search));
        check("POST", "/Patient/_search", Some(Search));
        check("GET", "/Patient/p1", Some(Read));
        check("HEAD", "/Patient/p1", Some(Read));
        check("PUT", "/Patient/p1", Some(Write));
        check("GET", "/Patient/p1/_history/2", Some(Read));
        check("DELETE", "/Patient/p1/_history/2", None);
        check("DELETE", "/Patient/p1/_history", None);
        check("GET", "/Patient/p1/_history", Some(History));
        check("GET", "/_history", Some(History));
        check("POST", "/Observation/$validate", Some(Validate));
        check("GET", "/Patient/p1/$everything", Some(Search));
        check("GET", "/Encounter/e1/$everything", None);
        check("GET", "/Patient/p1/Observation", Some(Search));
        check("GET", "/Patient/p1/*", Some(Search));
        for path in [
            "/$export",
            "/Patient/$export",
            "/Patient/$everything",
            "/$bulk-submit",
            "/$reindex",
            "/Patient/$purge",
            "/Patient/p1/$purge",
            "/_user/settings",
            "/$nl-search",
            "/admin/tenants",
            "/console/metrics/x",
            "/health",
            "/export-status/1",
            "/ViewDefinition/$run",
            "/.well-known/smart-configuration",
            "/Patient/p%2F1",
        ] {
            for method in ["GET", "POST", "PUT", "DELETE"] {
                check(method, path, None);
            }
        }
    }
}
