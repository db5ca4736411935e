//! Erasing a resource for good.

use serde_json::{Value, json};

use crate::support::{Client, Node, observation, steward};

async fn erase(client: &mut Client, resources: Value) -> Value {
    let answer = client.internal("POST", "/erase", Some(resources)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn acknowledge(client: &mut Client) {
    let last = client.outbox().await.last().expect("rows")["seq"].clone();
    assert_eq!(client.internal("POST", "/outbox/ack", Some(json!({"upTo": last}))).await.status, 204);
}

#[tokio::test]
async fn nothing_of_an_erased_resource_is_left_and_everything_of_the_others_is() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    client.put(observation("o1", "a", "CanaryFirst")).await;
    client.put(observation("o1", "a", "CanarySecond")).await;
    client.put(observation("o2", "a", "CanaryStays")).await;
    client.put(observation("o3", "a", "CanaryDeleted")).await;
    assert_eq!(client.fhir(&steward(), "DELETE", "/Observation/o3", None).await.status, 204);
    let all = json!([
        {"type": "Observation", "id": "o1"},
        {"type": "Observation", "id": "o3"},
        {"type": "Observation", "id": "never"},
    ]);

    // Whoever seals may have read it already.
    assert_eq!(erase(&mut client, all.clone()).await, json!({"erased": 0, "waiting": 2, "scrubbed": true}));
    assert_eq!(client.fhir(&steward(), "GET", "/Observation/o1", None).await.status, 200);
    acknowledge(&mut client).await;

    assert_eq!(erase(&mut client, all.clone()).await, json!({"erased": 2, "waiting": 0, "scrubbed": true}));
    assert_eq!(erase(&mut client, all).await, json!({"erased": 0, "waiting": 0, "scrubbed": true}));
    for needle in ["CanaryFirst", "CanarySecond", "CanaryDeleted", "canaryfirst", "canarydelet"] {
        assert!(!node.holds(needle), "{needle} is still in a file");
    }
    assert!(node.holds("CanaryStays"));
    for path in
        ["/Observation/o1", "/Observation/o1/_history", "/Observation/o3", "/Observation/o1/_history/1"]
    {
        assert_eq!(client.fhir(&steward(), "GET", path, None).await.status, 404, "{path}");
    }
    let found = client.fhir(&steward(), "GET", "/Observation?patient=a&_total=accurate", None).await;
    assert_eq!(found.total(), Some(1));
    assert_eq!(client.outbox().await.len(), 0, "an erasure is no version");
}

#[tokio::test]
async fn copies_and_what_is_no_resource_are_refused_as_a_whole() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "a"})).await;
    acknowledge(&mut client).await;
    for list in [
        json!([{"type": "Patient", "id": "a"}, {"type": "Observation", "id": "sx-o1"}]),
        json!([{"type": "Patient", "id": "a"}, {"type": "Observation", "id": "o1/_history"}]),
        json!([{"type": "Patient", "id": "a"}, {"type": "", "id": "o1"}]),
        json!([{"type": "Patient"}]),
        json!({"type": "Patient", "id": "a"}),
    ] {
        let answer = client.internal("POST", "/erase", Some(list.clone())).await;
        assert_eq!(answer.status, 422, "{list} {answer:?}");
        assert_eq!(client.fhir(&steward(), "GET", "/Patient/a", None).await.status, 200, "{list}");
    }
}
