//! Sockets, over real connections.

use super::*;
use futures::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use tokio_tungstenite::tungstenite::Message;

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Serves a hospital; where its sockets are opened.
async fn serve(world: &World) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address");
    let router = crate::edge::wrap(crate::public_router(world.gateway.clone()), &world.gateway.config);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    format!("ws://{address}/fhir/ws")
}

async fn open(address: &str, first: &str) -> Socket {
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.expect("open");
    socket.send(Message::text(first)).await.expect("sent");
    socket
}

/// The next notification; `None` once the socket is closed.
async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => return Some(serde_json::from_str(&text).expect("json")),
            Message::Close(_) => return None,
            _ => (),
        }
    }
}

async fn token_for(world: &World, token: &str, id: &str) -> String {
    let answer = world.get(token, &format!("/fhir/Subscription/{id}/$get-ws-binding-token")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let parameters = answer.json()["parameter"].clone();
    assert!(parameters[3]["valueUrl"].as_str().expect("a URL").ends_with("/fhir/ws"));
    parameters[0]["valueString"].as_str().expect("token").to_owned()
}

#[tokio::test]
async fn a_socket_tells_who_bound_it_by_a_fresh_token_and_closes_on_all_others() {
    let world = World::new().await;
    let token = world.system("system/*.cruds");
    let address = serve(&world).await;
    let mut resource = subscription("", "id-only", &[]);
    resource["channel"]["header"] = Value::Null;
    let id = subscribed(&world, &token, &resource).await;
    settle(&world).await;
    assert_eq!(state(&world, &token, &id).await, "active");
    let binding = token_for(&world, &token, &id).await;
    for (case, text) in [
        ("a forged token", format!("bind-with-token: {}", "0".repeat(64))),
        ("the access token", format!("bind-with-token: {token}")),
        ("no token", "bind-with-token:".to_owned()),
        ("the subscription's id", format!("bind: {id}")),
        ("noise", "x".repeat(900)),
        ("too much", "x".repeat(10_000)),
    ] {
        let mut socket = open(&address, &text).await;
        assert!(next(&mut socket).await.is_none(), "{case}");
    }
    let mut socket = open(&address, &format!("bind-with-token: {binding}")).await;
    assert_eq!(told(&next(&mut socket).await.expect("handshake")).0, "handshake");
    let mut again = open(&address, &format!("bind-with-token: {binding}")).await;
    assert!(next(&mut again).await.is_none(), "a token that was used");
    world.engine.commit(Some(PATIENT), observation("n1", PATIENT, "x"));
    settle(&world).await;
    let event = next(&mut socket).await.expect("an event");
    assert_eq!(told(&event), events(&[1]));
    assert!(event.to_string().contains("Observation/n1"));
    world.gateway.smart.clients.remove("lab").await.expect("removed");
    world.engine.commit(Some(PATIENT), observation("n2", PATIENT, "x"));
    settle(&world).await;
    assert!(next(&mut socket).await.is_none(), "whose owner is gone hears nothing more");
}
