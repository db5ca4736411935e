//! What `/fhir/metadata` says of subscriptions.

use super::resource::GUIDE;
use super::topic::TOPICS;
use serde_json::{Value, json};

/// `rest.resource` of Subscription.
pub(crate) fn resource() -> Value {
    let topics: Vec<Value> = TOPICS
        .iter()
        .map(|topic| {
            json!({ "url": format!("{GUIDE}capability-subscriptiontopic-canonical"), "valueCanonical": topic.url() })
        })
        .collect();
    let codes = ["read", "create", "update", "delete", "search-type"].map(|code| json!({ "code": code }));
    let parameter = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let operation = |name: &str, definition: &str| {
        let base = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/";
        json!({ "name": name, "definition": format!("{base}{definition}") })
    };
    json!({
        "extension": topics,
        "type": "Subscription",
        "supportedProfile": [format!("{GUIDE}backport-subscription")],
        "documentation": "Of the caller's own only. Channels: rest-hook, websocket.",
        "interaction": codes,
        "versioning": "versioned",
        "searchParam": [
            parameter("_id", "token"), parameter("status", "token"),
            parameter("criteria", "string"), parameter("url", "uri"),
        ],
        "operation": [
            operation("status", "backport-subscription-status"),
            operation("events", "backport-subscription-events"),
            operation("get-ws-binding-token", "backport-subscription-get-ws-binding-token"),
        ],
    })
}
