//! `/fhir/ws`: notifications by WebSocket (RFC 6455), as the guide's channel "WebSocket" has it.
//!
//! Anybody may open a socket; nothing comes out of it before `bind-with-token: TOKEN`, with a token that the owner of a
//! subscription got a moment ago by `$get-ws-binding-token`. A token opens one socket once. What is told is decided anew
//! for each notification, so an owner who may read no longer hears nothing more.

use super::resource::EVENTS_PER_NOTIFICATION_MAX;
use super::rows::{self, Progress, Status, Subscription};
use super::tell::{self, Notice};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::fhir::authenticate;
use crate::limits::{SOCKET_BYTES_MAX, SOCKET_TOKENS_MAX};
use crate::rate::Caller;
use crate::state::Gateway;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use salus_crypto::hash::hash;
use salus_crypto::random;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a token may be used.
pub(super) const TOKEN_MS: u64 = 60_000;
/// How long a socket may be open without a subscription.
const BIND_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a socket is asked for a sign of life; without one it is closed at the next time.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// Most subscriptions of one socket.
const BOUND_MAX: usize = 32;

/// Tokens that nobody has used, by their hash: for which subscriptions, and until when.
#[derive(Default)]
pub(super) struct BindTokens(Mutex<HashMap<String, (Vec<String>, u64)>>);

impl BindTokens {
    /// Makes a token.
    ///
    /// # Errors
    /// [`Code::Throttled`] while too many are out.
    pub(super) fn issue(&self, subscriptions: Vec<String>) -> Result<(String, u64)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = clock::now_ms();
        all.retain(|_, (_, until_ms)| *until_ms > now_ms);
        if all.len() >= SOCKET_TOKENS_MAX {
            return Err(Error::new(Code::Throttled, "too many sockets are being opened").retry_after(60));
        }
        let token = hex::encode(random::bytes::<32>());
        all.insert(key_of(&token), (subscriptions, now_ms + TOKEN_MS));
        Ok((token, now_ms + TOKEN_MS))
    }

    /// Uses a token: of many at once exactly one wins.
    fn take(&self, token: &str) -> Option<Vec<String>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (subscriptions, until_ms) = all.remove(&key_of(token))?;
        (until_ms > clock::now_ms()).then_some(subscriptions)
    }
}

fn key_of(token: &str) -> String {
    hash("salus/subscription-socket/v1", &[token.as_bytes()]).to_string()
}

/// `GET /fhir/ws`
pub(super) async fn open(
    State(gateway): State<Gateway>,
    caller: Caller,
    upgrade: WebSocketUpgrade,
) -> Result<Response> {
    let place = gateway.subscriptions.places.take(Some(caller));
    let place = place.map_err(|_| Error::new(Code::Away, "too many listen already").retry_after(10))?;
    let upgrade = upgrade.max_message_size(SOCKET_BYTES_MAX).max_frame_size(SOCKET_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _place = place;
        let served = Served { gateway: &gateway, socket, bound: HashMap::new(), alive: true };
        served.run().await;
    }))
}

/// An open socket, and up to which event each subscription was told.
struct Served<'a> {
    gateway: &'a Gateway,
    socket: WebSocket,
    bound: HashMap<String, u64>,
    alive: bool,
}

/// The other side is gone, or is to go.
struct Closed;

impl Served<'_> {
    async fn run(mut self) {
        let mut news = self.gateway.subscriptions.sockets.subscribe();
        let mut ping = tokio::time::interval_at(Instant::now() + BIND_TIMEOUT, PING_INTERVAL);
        loop {
            let step = tokio::select! {
                () = self.gateway.stopped() => Err(Closed),
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.hear(message).await,
                    _ => return,
                },
                _ = ping.tick() => self.ask().await,
                changed = news.changed() => match changed {
                    Ok(()) => self.tell().await,
                    Err(_) => Err(Closed),
                },
            };
            if step.is_err() {
                let frame = CloseFrame { code: close_code::POLICY, reason: "".into() };
                let _ = self.socket.send(Message::Close(Some(frame))).await;
                return;
            }
        }
    }

    /// A message of the other side.
    async fn hear(&mut self, message: Message) -> Result<(), Closed> {
        self.alive = true;
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Close(_) => return Err(Closed),
            _ => return Ok(()),
        };
        let token = text.trim().strip_prefix("bind-with-token").ok_or(Closed)?;
        let token = token.trim_start_matches(':').trim();
        let named = self.gateway.subscriptions.tokens.take(token).ok_or(Closed)?;
        for id in named {
            self.bind(id).await?;
        }
        Ok(())
    }

    async fn bind(&mut self, id: String) -> Result<(), Closed> {
        let found = rows::find(&self.gateway.store, &id).map_err(|_| Closed)?;
        let (of, progress) = found.filter(|(_, progress)| progress.status != Status::Off).ok_or(Closed)?;
        if self.bound.len() >= BOUND_MAX {
            return Err(Closed);
        }
        self.bound.insert(id, progress.told);
        self.send((&of, &progress), Notice::Handshake, (progress.told + 1, progress.told)).await
    }

    /// Asks for a sign of life; a socket that never bound, or has not answered to the last time, is closed.
    async fn ask(&mut self) -> Result<(), Closed> {
        if self.bound.is_empty() || !self.alive {
            return Err(Closed);
        }
        self.alive = false;
        self.put(Message::Ping(bytes::Bytes::new())).await
    }

    /// Tells what is new.
    async fn tell(&mut self) -> Result<(), Closed> {
        for (id, told) in self.bound.clone() {
            let found = rows::find(&self.gateway.store, &id).map_err(|_| Closed)?;
            let Some((of, progress)) = found.filter(|(_, progress)| progress.status != Status::Off) else {
                self.bound.remove(&id);
                continue;
            };
            let mut told = told;
            while told < progress.told {
                let up_to = progress.told.min(told + of.terms.events_max);
                self.send((&of, &progress), Notice::Events, (told + 1, up_to)).await?;
                told = up_to;
            }
            self.bound.insert(id, told);
        }
        if self.bound.is_empty() { Err(Closed) } else { Ok(()) }
    }

    async fn send(
        &mut self,
        (of, progress): (&Subscription, &Progress),
        notice: Notice,
        range: (u64, u64),
    ) -> Result<(), Closed> {
        let principal = authenticate::standing(self.gateway, &of.owner).map_err(|_| Closed)?;
        let content = of.terms.content;
        let most = EVENTS_PER_NOTIFICATION_MAX as usize;
        let events = rows::events(&self.gateway.store, &of.id, range, most).map_err(|_| Closed)?;
        let told = tell::of_events(self.gateway, &principal, events, content).await.map_err(|_| Closed)?;
        let base = self.gateway.config.fhir_url();
        let text = tell::bundle(&base, (of, progress), notice, &told, content);
        self.put(Message::Text(text.into())).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Closed> {
        self.socket.send(message).await.map_err(|_| Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_one_socket_once_and_for_a_minute() {
        let tokens = BindTokens::default();
        let (token, _) = tokens.issue(vec!["s1".into()]).expect("token");
        assert_eq!(tokens.take(&"0".repeat(64)), None, "forged");
        assert_eq!(tokens.take(&token).as_deref(), Some(["s1".to_owned()].as_slice()));
        assert_eq!(tokens.take(&token), None, "used");
        let (token, _) = tokens.issue(vec!["s1".into()]).expect("token");
        clock::advance(TOKEN_MS);
        assert_eq!(tokens.take(&token), None, "too late");
        for _ in 0..SOCKET_TOKENS_MAX {
            tokens.issue(Vec::new()).expect("room");
        }
        assert!(tokens.issue(Vec::new()).is_err(), "no room");
        clock::advance(TOKEN_MS);
        assert!(tokens.issue(Vec::new()).is_ok(), "those that were not used go");
    }
}
