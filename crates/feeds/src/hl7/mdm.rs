//! `MDM^T02`: a document with its text becomes a DocumentReference and a Binary.

use super::Making;
use super::datatypes::{entity, entity_identifier, somebody, table, time_of};
use super::message::{Message, Segment};
use super::observations::{attachment, embedded};
use super::visit::{Stage, visit};
use crate::resource::{binary, list, object};
use crate::{Refusal, Rule, time};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(super) fn map(message: &Message, making: &mut Making<'_>) -> Result<(), Refusal> {
    let context = making.context;
    let txa = message.first("TXA").ok_or(Refusal::Missing("which document it is (TXA)"))?;
    let number = txa.field(12).first();
    let (authority, value) = entity(&number).ok_or(Refusal::Missing("the document's number (TXA-12)"))?;
    let encounter = visit(message, Stage::Unsaid, making);
    let contents = contents(message, making);
    if contents.is_empty() {
        return Err(Refusal::Missing("the document itself (OBX-5)"));
    }
    let mut document =
        making.about("DocumentReference", "subject", &["TXA", &authority.system(&context.system), &value]);
    let appends = entity(&txa.field(13).first()).filter(|parent| *parent != (authority, value)).map(
        |(authority, value)| {
            let id = making.id("DocumentReference", &["TXA", &authority.system(&context.system), &value]);
            json!([{ "code": "appends", "target": { "reference": format!("DocumentReference/{id}") } }])
        },
    );
    document
        .set("masterIdentifier", entity_identifier(&number, None, context))
        .set("status", json!(status(&txa)))
        .set("docStatus", doc_status(&txa).map(Value::from))
        .set("type", table(&txa.field(2).first(), "0270"))
        .set("date", time_of_instant(&txa, making))
        .set(
            "author",
            list([5, 9].into_iter().flat_map(|n| {
                txa.field(n).repeats().filter_map(|p| somebody(&p, context)).collect::<Vec<_>>()
            })),
        )
        .set("authenticator", somebody(&txa.field(22).first(), context))
        .set("description", txa.value(25).map(Value::from))
        .set("content", list(contents.into_iter().map(|attachment| json!({ "attachment": attachment }))))
        .set(
            "context",
            object([
                ("encounter", encounter.map(|encounter| json!([encounter]))),
                ("period", object([("start", time_of(&txa.field(4).first(), context))])),
            ]),
        );
    document.set("relatesTo", appends);
    making.push(document, Rule::Replace);
    Ok(())
}

fn time_of_instant(txa: &Segment<'_>, making: &Making<'_>) -> Option<Value> {
    [6, 7, 4]
        .into_iter()
        .find_map(|field| time::instant(&txa.value(field)?, &making.context.offset))
        .map(Value::from)
}

/// Each embedded file, and all text as one.
fn contents(message: &Message, making: &mut Making<'_>) -> Vec<Value> {
    let mut contents = Vec::new();
    let mut text: Vec<String> = Vec::new();
    let mut first = None;
    for obx in message.all("OBX") {
        match embedded(&obx) {
            Some((content_type, data)) => {
                let file = binary(&making.context.ids, making.patient(), content_type, data);
                contents.push(attachment(content_type, &file, &obx));
                making.push(file, Rule::Replace);
            }
            None => {
                first = first.or(Some(obx));
                text.extend(obx.field(5).lines().map(|line| line.value().unwrap_or_default()));
            }
        }
    }
    let text = text.join("\n");
    if let Some(obx) = first.filter(|_| !text.trim().is_empty()) {
        let file =
            binary(&making.context.ids, making.patient(), "text/plain; charset=utf-8", STANDARD.encode(text));
        contents.push(attachment("text/plain; charset=utf-8", &file, &obx));
        making.push(file, Rule::Replace);
    }
    contents
}

/// TXA-19: whether it is available.
fn status(txa: &Segment<'_>) -> &'static str {
    match txa.value(19).as_deref() {
        Some("OB") => "superseded",
        Some("CA") => "entered-in-error",
        _ => "current",
    }
}

/// TXA-17: how far it is.
fn doc_status(txa: &Segment<'_>) -> Option<&'static str> {
    Some(match txa.value(17)?.as_str() {
        "AU" | "LA" | "DO" => "final",
        "DI" | "IN" | "IP" | "PA" => "preliminary",
        _ => return None,
    })
}
