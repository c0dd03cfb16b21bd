//! What the providers' operations have in common. A feature adds its names, its request types and its rules.

use std::collections::BTreeMap;

use crate::Error;
use crate::contract::{Id, Metadata};
use crate::json::Fields;
use crate::limits;
use crate::operation::Answer;
use crate::payload::Payload;
use crate::records::change::{Change, Move, Rule, Save};
use crate::records::{Feature, Filter, Reader, Record, Slot, Writer};
use crate::scope::{Caller, Scope};

/// A get's answer: payloads by their ids.
pub type Payloads = BTreeMap<Id, Fields>;

/// Answers a get with the records' top-level fields.
///
/// # Errors
/// As [`find`].
pub async fn get(
    reader: &Reader,
    feature: &Feature,
    scope: &Scope,
    filter: &Filter,
) -> Result<Answer<Payloads>, Error> {
    let records = find(reader, feature, scope, filter).await?;
    let count = records.len();
    Ok(Answer::with(payloads(records).collect(), count))
}

/// The records that a get asks for.
///
/// # Errors
/// As [`Reader::find`]; or more documents are named than can be answered in time.
pub async fn find(reader: &Reader, feature: &Feature, scope: &Scope, filter: &Filter) -> Result<Vec<Record>, Error> {
    let count = |ids: &Option<Vec<Id>>| ids.as_ref().map_or(0, Vec::len);
    Error::unless_within(limits::IDS, ids_field(feature), count(&filter.ids))?;
    Error::unless_within(limits::DOCUMENTS, "documentIds", count(&filter.documents))?;
    reader.find(feature, scope, filter).await
}

/// What a get of the feature calls its list of ids, for messages.
fn ids_field(feature: &Feature) -> &'static str {
    match feature.name {
        "comments" => "commentAnnotationIds",
        "reactions" => "reactionAnnotationIds",
        "recordings" => "recorderAnnotationIds",
        "activity" => "activityIds",
        "notifications" => "notificationIds",
        _ => "ids",
    }
}

/// The top-level fields of records, by their ids.
pub fn payloads(records: Vec<Record>) -> impl Iterator<Item = (Id, Fields)> {
    records.into_iter().map(|record| {
        let (id, fields, _) = record.into_parts();
        (id, fields)
    })
}

/// Saves payloads, each top-level field by `rule`.
///
/// # Errors
/// As [`Writer::save`].
pub async fn save(
    writer: &Writer,
    feature: &Feature,
    scope: &Scope,
    payloads: Vec<Payload>,
    rule: Rule,
) -> Result<Answer<()>, Error> {
    save_records(writer, feature, &saves(scope, payloads, rule)).await
}

/// Saves, as [`saves`] makes them.
///
/// # Errors
/// As [`Writer::save`].
pub async fn save_records(writer: &Writer, feature: &Feature, saves: &[Save]) -> Result<Answer<()>, Error> {
    writer.save(feature, saves).await?;
    Ok(Answer::done(saves.len()))
}

/// A save of each payload, each top-level field by `rule`.
#[must_use]
pub fn saves(scope: &Scope, payloads: Vec<Payload>, rule: Rule) -> Vec<Save> {
    let save = |payload: Payload| Save {
        scope: scope.clone(),
        id: payload.id,
        document: payload.document,
        folder: payload.folder,
        changes: changes(payload.fields, rule),
        holds_files: false,
        revives: true,
    };
    payloads.into_iter().map(save).collect()
}

/// Each field as a change by `rule`.
#[must_use]
pub fn changes(fields: Fields, rule: Rule) -> Vec<Change> {
    fields.into_iter().map(|(name, value)| Change { slot: Slot::Field(name), value: Some(value), rule }).collect()
}

/// Deletes a record of the organization that the request's metadata names.
///
/// # Errors
/// As [`Writer::delete`], or no organization.
pub async fn delete(
    writer: &Writer,
    feature: &Feature,
    caller: &Caller,
    metadata: &Metadata,
    id: &Id,
) -> Result<Answer<()>, Error> {
    let scope = caller.scope(metadata, "metadata.organizationId")?;
    writer.delete(feature, &scope, id).await?;
    Ok(Answer::done(1))
}

/// The place of a record that says where it stands only the first time.
#[must_use]
pub fn only_where_unknown(place: Move) -> Move {
    match place {
        Move::Set(Some(id)) => Move::Fill(id),
        Move::Keep | Move::Fill(_) | Move::Set(None) => Move::Keep,
    }
}
