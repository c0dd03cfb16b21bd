//! What the providers' operations have in common. A feature adds its names, its request types and its rules.

use std::collections::BTreeMap;

use crate::Error;
use crate::contract::{Id, Metadata};
use crate::json::{Fields, Json};
use crate::limits;
use crate::operation::Answer;
use crate::payload::{Names, Payload};
use crate::records::change::{Change, Rule, Save};
use crate::records::{Feature, Filter, Reader, Record, Slot, Writer};
use crate::scope::{Caller, Scope};

/// A get's answer: payloads by their ids.
pub type Payloads = BTreeMap<Id, Fields>;

/// What a get names. An empty list beside a list that is not empty counts as absent, as in the examples of Velt's docs.
#[derive(Debug, Default)]
pub struct Asked {
    /// Only these records.
    pub ids: Option<Vec<Id>>,
    /// Only records of these documents.
    pub documents: Option<Vec<Id>>,
    /// Only records of this folder, if neither records nor documents are named: a record's folder is out of date when
    /// Velt has moved its document since.
    pub folder: Option<Id>,
    /// Whether the folder is meant whole, whatever documents are named.
    pub all_documents: bool,
}

impl Asked {
    fn filter(self) -> Filter {
        let has_lists = self.ids.is_some() || self.documents.is_some();
        let named = |list: Option<Vec<Id>>| list.filter(|ids| !ids.is_empty());
        let ids = named(self.ids);
        let documents = named(self.documents).filter(|_| !(self.all_documents && self.folder.is_some()));
        match (ids, documents, self.folder) {
            (None, None, None) if has_lists => Filter { ids: Some(Vec::new()), ..Filter::default() },
            (None, None, folder) => Filter { folder, ..Filter::default() },
            (ids, documents, _) => Filter { ids, documents, folder: None },
        }
    }
}

/// Answers a get with the records' top-level fields.
///
/// # Errors
/// As [`find`].
pub async fn get(
    reader: &Reader,
    feature: &Feature,
    names: &Names,
    scope: &Scope,
    asked: Asked,
) -> Result<Answer<Payloads>, Error> {
    let records = find(reader, feature, scope, asked).await?;
    let mut answer = Payloads::new();
    for (id, mut fields) in payloads(records) {
        name_itself(&mut fields, names.id, &id)?;
        answer.insert(id, fields);
    }
    let count = answer.len();
    Ok(Answer::with(answer, count))
}

/// Gives a record that was saved without its own id, or with null for it, the id: Velt joins records by it.
///
/// # Errors
/// [`Error::internal`], which does not happen: an id is text.
pub fn name_itself(fields: &mut Fields, id_field: &str, id: &Id) -> Result<(), Error> {
    if fields.get(id_field).is_none_or(Json::is_null) {
        let id = Json::from_value(id).map_err(|error| Error::internal().caused_by(error))?;
        fields.insert(id_field.to_owned(), id);
    }
    Ok(())
}

/// The records that a get asks for.
///
/// # Errors
/// As [`Reader::find`]; or more documents are named than can be answered in time.
pub async fn find(reader: &Reader, feature: &Feature, scope: &Scope, asked: Asked) -> Result<Vec<Record>, Error> {
    let count = |ids: &Option<Vec<Id>>| ids.as_ref().map_or(0, Vec::len);
    Error::unless_within(limits::IDS, ids_field(feature), count(&asked.ids))?;
    Error::unless_within(limits::DOCUMENTS, "documentIds", count(&asked.documents))?;
    if feature.in_documents {
        // What is named is checked even where it does not narrow.
        scope.check_asked(None, asked.folder.as_ref())?;
        asked.documents.iter().flatten().try_for_each(|document| scope.check_asked(Some(document), None))?;
    }
    reader.find(feature, scope, &asked.filter()).await
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
    rule: &Rule,
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

/// A save of each payload, each top-level field by `rule`. It brings no deleted record back.
#[must_use]
pub fn saves(scope: &Scope, payloads: Vec<Payload>, rule: &Rule) -> Vec<Save> {
    let save = |payload: Payload| Save {
        scope: scope.clone(),
        id: payload.id,
        document: payload.document,
        folder: payload.folder,
        changes: changes(payload.fields, rule),
        holds_files: false,
        revives: false,
    };
    payloads.into_iter().map(save).collect()
}

/// Each field as a change by `rule`.
#[must_use]
pub fn changes(fields: Fields, rule: &Rule) -> Vec<Change> {
    fields
        .into_iter()
        .map(|(name, value)| Change { slot: Slot::Field(name), value: Some(value), rule: rule.clone() })
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::try_from(text.to_owned()).unwrap()
    }

    /// The filter as text: ids, documents and folder; `!` for nothing at all.
    fn filter(ids: Option<&[&str]>, documents: Option<&[&str]>, folder: Option<&str>, all_documents: bool) -> String {
        let list = |ids: Option<&[&str]>| ids.map(|ids| ids.iter().map(|text| id(text)).collect());
        let asked = Asked { ids: list(ids), documents: list(documents), folder: folder.map(id), all_documents };
        let Filter { ids, documents, folder } = asked.filter();
        let joined = |ids: Option<Vec<Id>>| match ids {
            Some(ids) if ids.is_empty() => "!".to_owned(),
            Some(ids) => ids.iter().map(Id::as_str).collect(),
            None => String::new(),
        };
        format!("{}/{}/{}", joined(ids), joined(documents), folder.as_ref().map_or("", Id::as_str))
    }

    #[test]
    fn an_empty_list_counts_as_absent_and_a_folder_narrows_only_what_nothing_else_does() {
        for (ids, documents, folder, all, expected) in [
            (None, None, None, false, "//"),
            (None, None, None, true, "//"),
            (Some(&["a"][..]), None, None, false, "a//"),
            (Some(&["a"]), Some(&["d"][..]), None, false, "a/d/"),
            (Some(&["a"]), Some(&[]), None, false, "a//"),
            (Some(&[]), Some(&["d"]), None, false, "/d/"),
            (Some(&[]), Some(&[]), None, false, "!//"),
            (Some(&[]), None, None, true, "!//"),
            (Some(&[]), Some(&[]), Some("f"), false, "//f"),
            (None, Some(&[]), Some("f"), true, "//f"),
            (None, None, Some("f"), false, "//f"),
            (Some(&["a"]), None, Some("f"), false, "a//"),
            (None, Some(&["d"]), Some("f"), false, "/d/"),
            (None, Some(&["d"]), Some("f"), true, "//f"),
            (Some(&["a"]), Some(&["d"]), Some("f"), true, "a//"),
        ] {
            assert_eq!(filter(ids, documents, folder, all), expected, "{ids:?} {documents:?} {folder:?} {all}");
        }
    }
}
