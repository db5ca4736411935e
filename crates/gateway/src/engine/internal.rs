//! The engine's routes for this process alone: share sets, outbox, status.

use super::{ANSWER_TIMEOUT, Engine, EngineError, IMPORT_TIMEOUT, NEWS_TIMEOUT, read_whole};
use crate::erasure::Named;
use axum::body::Body;
use axum::http::{Method, Request, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::Duration;

/// A share set to import: all copies of one grant, or some more of them.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShareSet {
    /// The patient's own FHIR id here.
    pub patient: String,
    /// FHIR instant from which the engine hides the set by itself.
    pub expires: String,
    /// The copies.
    pub resources: Vec<Box<RawValue>>,
}

/// A share set that the engine holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareSummary {
    /// The grant in hex.
    pub grant: String,
    /// The patient's FHIR id here.
    pub patient: String,
    /// FHIR instant.
    pub expires: String,
    /// Number of copies.
    pub count: u64,
}

/// One committed resource version, to be sealed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxRow {
    /// Its number: grows, may have gaps.
    pub seq: u64,
    /// FHIR type.
    #[serde(rename = "type")]
    pub kind: String,
    /// FHIR id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// FHIR instant.
    pub last_updated: String,
    /// The patient it is about, if one.
    pub patient: Option<String>,
    /// The exact stored text.
    pub resource: String,
}

/// Numbers for stewards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineStatus {
    /// Resources.
    pub resources: u64,
    /// Versions that wait to be sealed.
    pub outbox: u64,
    /// Newest number in the outbox.
    pub last_seq: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct News {
    last_seq: u64,
}

#[derive(Deserialize)]
struct Erased {
    waiting: u64,
    scrubbed: bool,
}

#[derive(Deserialize)]
struct Purged {
    count: u64,
}

impl Engine {
    /// Imports a share set, all or nothing. Idempotent.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn put_share(&self, grant: &str, set: &ShareSet) -> Result<(), EngineError> {
        let body = serde_json::to_vec(set).map_err(|_| EngineError::Malformed)?;
        let path = format!("/internal/shares/{grant}");
        self.internal(Method::PUT, &path, body, IMPORT_TIMEOUT).await.map(|_: serde::de::IgnoredAny| ())
    }

    /// Deletes a share set; returns how many copies it had.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn delete_share(&self, grant: &str) -> Result<u64, EngineError> {
        let path = format!("/internal/shares/{grant}");
        let purged: Purged = self.internal(Method::DELETE, &path, Vec::new(), IMPORT_TIMEOUT).await?;
        Ok(purged.count)
    }

    /// Removes own resources with all their versions, for good. False if some stay, because a version of theirs is not
    /// sealed yet, or if the write-ahead log could not be emptied: ask again. Idempotent.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn erase(&self, resources: &[Named]) -> Result<bool, EngineError> {
        let body = serde_json::to_vec(resources).map_err(|_| EngineError::Malformed)?;
        let erased: Erased = self.internal(Method::POST, "/internal/erase", body, IMPORT_TIMEOUT).await?;
        Ok(erased.waiting == 0 && erased.scrubbed)
    }

    /// Every share set that the engine holds.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn shares(&self) -> Result<Vec<ShareSummary>, EngineError> {
        self.internal(Method::GET, "/internal/shares", Vec::new(), ANSWER_TIMEOUT).await
    }

    /// The next committed versions after a number, in order.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<OutboxRow>, EngineError> {
        let path = format!("/internal/outbox?after={after}&limit={limit}");
        self.internal(Method::GET, &path, Vec::new(), ANSWER_TIMEOUT).await
    }

    /// Waits for versions beyond a number, at most about 10 s; returns the newest number.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn outbox_wait(&self, after: u64) -> Result<u64, EngineError> {
        let path = format!("/internal/outbox/wait?after={after}");
        let news: News = self.internal(Method::GET, &path, Vec::new(), NEWS_TIMEOUT).await?;
        Ok(news.last_seq)
    }

    /// Tells the engine that everything up to a number is sealed.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn outbox_ack(&self, up_to: u64) -> Result<(), EngineError> {
        let body = format!("{{\"upTo\":{up_to}}}").into_bytes();
        self.internal_raw(Method::POST, "/internal/outbox/ack", body, ANSWER_TIMEOUT).await.map(|_| ())
    }

    /// Numbers for stewards.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn status(&self) -> Result<EngineStatus, EngineError> {
        self.internal(Method::GET, "/internal/status", Vec::new(), ANSWER_TIMEOUT).await
    }

    async fn internal<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<T, EngineError> {
        let bytes = self.internal_raw(method, path, body, limit).await?;
        serde_json::from_slice(&bytes).map_err(|_| EngineError::Malformed)
    }

    async fn internal_raw(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<bytes::Bytes, EngineError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("x-salus-internal", "1")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .map_err(|_| EngineError::Malformed)?;
        let response = self.send_within(request, limit).await?;
        let status = response.status();
        let bytes = tokio::time::timeout(limit, read_whole(response.into_body()))
            .await
            .map_err(|_| EngineError::Timeout)??;
        if !status.is_success() {
            return Err(EngineError::Refused { status: status.as_u16() });
        }
        Ok(bytes)
    }
}
