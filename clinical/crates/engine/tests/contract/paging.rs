use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{BASE, Client, Node, observation, patient, steward};

/// The path of the next page, below the base.
fn next(bundle: &Value) -> Option<String> {
    let links = bundle["link"].as_array()?;
    let url = links.iter().find(|link| link["relation"] == "next")?["url"].as_str()?;
    Some(url.strip_prefix(BASE).expect("the public address").to_owned())
}

fn ids(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

/// Reads all pages while more is written between any two of them, before, among and after what was there.
async fn read(client: &mut Client, who: &Value, path: &str) -> Vec<String> {
    let mut path = Some(path.to_owned());
    let (mut all, mut pages) = (Vec::new(), 0);
    while let Some(at) = path {
        let answer = client.fhir(who, "GET", &at, None).await;
        assert_eq!(answer.status, 200, "{at}: {answer:?}");
        let bundle = answer.json();
        all.extend(ids(&bundle));
        path = next(&bundle);
        for (more, of) in [("a-", "p1"), ("m-", "p1"), ("z-", "p1"), ("x-", "p2")] {
            client.put(observation(&format!("{more}{pages}"), of, "written meanwhile")).await;
        }
        pages += 1;
        assert!(pages < 60, "it ends");
    }
    assert!(pages > 3, "{pages} pages");
    all
}

#[tokio::test]
async fn pages_give_every_row_that_was_there_once_whatever_is_written_meanwhile() {
    for (who, path) in [
        (steward(), "/Observation?_count=7"),
        (steward(), "/Observation?_count=7&_sort=_id"),
        (steward(), "/Observation?_count=7&_sort=-_lastUpdated"),
        (steward(), "/Observation?_count=7&_sort=date&patient=p1"),
        (patient("p1"), "/Observation?_count=7&code=8867-4"),
        (patient("p1"), "/Patient/p1/Observation?_count=7"),
        (patient("p1"), "/Patient/p1/$everything?_count=7&_type=Observation"),
    ] {
        let node = Node::start(&[]).await;
        let mut client = node.client().await;
        for id in ["p1", "p2"] {
            client.put(json!({"resourceType": "Patient", "id": id})).await;
        }
        let there: BTreeSet<String> = (0..40).map(|n| format!("o-{n:02}")).collect();
        for id in &there {
            client.put(observation(id, "p1", "there")).await;
        }
        let all = read(&mut client, &who, path).await;
        let once: BTreeSet<String> = all.iter().cloned().collect();
        assert_eq!(once.len(), all.len(), "{path}: something came twice");
        let missing: Vec<_> = there.difference(&once).collect();
        assert!(missing.is_empty(), "{path}: {missing:?} did not come");
        if who != steward() {
            assert!(!all.iter().any(|id| id.starts_with("x-")), "{path}: the other patient's");
        }
    }
}

/// A narrower page that ends at an entry leads on exactly after it: the gateway pages so.
#[tokio::test]
async fn a_page_cut_short_leads_on_after_its_last_entry() {
    let node = Node::start(&[]).await;
    let mut client = node.client().await;
    client.put(json!({"resourceType": "Patient", "id": "p1"})).await;
    for n in 0..20 {
        client.put(observation(&format!("o-{n:02}"), "p1", "there")).await;
    }
    for query in ["patient=p1", "patient=p1&_sort=_id", "_sort=-date", "code=8867-4&_sort=_lastUpdated"] {
        let whole =
            client.fhir(&steward(), "GET", &format!("/Observation?{query}&_count=500"), None).await.json();
        assert!(next(&whole).is_none(), "{whole}");
        let whole = ids(&whole);
        for taken in [1, 7, 19] {
            let cut =
                client.fhir(&steward(), "GET", &format!("/Observation?{query}&_count={taken}"), None).await;
            let at = next(&cut.json()).expect("a further page");
            let rest = client
                .fhir(&steward(), "GET", &at.replace(&format!("_count={taken}"), "_count=500"), None)
                .await;
            let both: Vec<String> = ids(&cut.json()).into_iter().chain(ids(&rest.json())).collect();
            assert_eq!(both, whole, "{query} {taken}");
        }
    }
}
