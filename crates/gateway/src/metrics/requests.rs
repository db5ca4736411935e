//! Requests by class of route and of status, and their times.

use crate::state::Gateway;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Instant;

/// Upper ends of the buckets of times, in seconds.
const SECONDS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// First segments of routes' templates.
const ROUTES: [&str; 8] = ["fhir", "smart", "ledger", "relay", "account", "staff", "peer", "metrics"];
/// The portal's files, and paths that are none.
const PORTAL: &str = "portal";

/// The class of a route by its template: never by what somebody asked for.
fn route_of(template: Option<&str>) -> &'static str {
    let first = template.unwrap_or_default().trim_start_matches('/').split('/').next();
    ROUTES.into_iter().find(|route| Some(*route) == first).unwrap_or(PORTAL)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    /// `2xx` and so on.
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

/// `2xx` for 200 to 299, and so on.
fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

/// Counters of requests.
pub(crate) struct Requests {
    answered: Family<Answered, Counter>,
    duration: Family<Route, Histogram, fn() -> Histogram>,
}

impl Requests {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let (answered, duration) = (Family::default(), Family::new_with_constructor(seconds));
        registry.register("requests", "Requests, by class of route and of status.", answered.clone());
        let help = "Time until an answer begins, by class of route.";
        registry.register_with_unit("request", help, Unit::Seconds, duration.clone());
        for route in ROUTES.into_iter().chain([PORTAL]) {
            let _ = answered.get_or_create(&Answered { route, status: "2xx" });
            let _ = answered.get_or_create(&Answered { route, status: "5xx" });
            let _ = duration.get_or_create(&Route { route });
        }
        Self { answered, duration }
    }
}

/// Counts a request; the outermost layer of a router.
pub(crate) async fn count(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = route_of(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let response = next.run(request).await;
    let requests = gateway.metrics.requests();
    let status = class_of(response.status());
    requests.answered.get_or_create(&Answered { route, status }).inc();
    requests.duration.get_or_create(&Route { route }).observe(begun.elapsed().as_secs_f64());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_the_class_of_its_template() {
        let check = |template, class| assert_eq!(route_of(template), class, "{template:?}");
        check(Some("/fhir/{*path}"), "fhir");
        check(Some("/fhir"), "fhir");
        check(Some("/ledger/blocks/{height}"), "ledger");
        check(Some("/peer/custody"), "peer");
        check(Some("/{*file}"), PORTAL);
        check(Some("/whatever"), PORTAL);
        check(None, PORTAL);
    }
}
