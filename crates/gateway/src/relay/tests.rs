use crate::testing::{Browser, node, node_with};
use axum::http::StatusCode;

#[tokio::test]
async fn what_is_for_nobody_is_refused_and_who_is_away_is_said_so() {
    let node = node().await;
    for (path, body, status) in [
        ("/relay/hospital-a/patient", vec![1, 2, 3], 400),
        ("/relay/hospital-b/patient", vec![1, 2, 3], 503),
        ("/relay/nobody/patient", vec![], 404),
        ("/relay/No%20Body/patient", vec![], 404),
        ("/relay/hospital-a/custody", vec![], 404),
        ("/relay/hospital-a/enrol", vec![0; 16 * 1024 + 1], 413),
        ("/relay/hospital-a/mailbox", vec![0; 64 * 1024 + 1], 413),
        ("/relay/hospital-a/patient", vec![0; 256 * 1024 + 1], 413),
    ] {
        let length = body.len();
        let answer = Browser::default().post_octets(&node, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {length}: {answer:?}");
    }
    assert!(node.keeper.calls.lock().expect("lock").is_empty());
}

#[tokio::test]
async fn one_caller_is_limited() {
    let node = node_with(|config| config.limits.relays_per_minute = 2).await;
    let mut last = StatusCode::OK;
    for _ in 0..3 {
        last = Browser::default().post_octets(&node, "/relay/hospital-a/enrol", Vec::new()).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}
