//! How a thread's payload is kept: its top-level fields as they are, and each comment apart from the others.

use std::collections::BTreeMap;

use shared::Error;
use shared::contract::{Id, TextOrNumber};
use shared::json::{Fields, Json};
use shared::provider;
use shared::records::author;
use shared::records::change::{Change, Rule, Save};
use shared::records::{Record, Slot};
use storage::named::{self, Named};

use crate::meaning::Meaning;
use crate::save::NAMES;

/// The field of a thread that says where it stands.
pub(crate) const METADATA: &str = "metadata";

/// The context of a request that repeats one of its comments, and is no field of a thread.
pub(crate) const TARGET_COMMENT: &str = "targetComment";

/// The field of a thread that holds its comments, by their ids.
const COMMENTS: &str = "comments";

/// The fields of a comment that are its text.
const TEXT: [&str; 2] = ["commentText", "commentHtml"];

/// The field of a comment that holds its files, by their ids.
const ATTACHMENTS: &str = "attachments";

/// Takes the comments out of a thread's fields, leaving an empty map in their place: that a thread came with comments is
/// kept, even where it came with none.
///
/// # Errors
/// The comments are not a map of objects.
pub(crate) fn take_comments(fields: &mut Fields, path: &str) -> Result<BTreeMap<Id, Json>, Error> {
    let path = format!("{path}.{COMMENTS}");
    let Some(json) = fields.get_mut(COMMENTS).filter(|json| !json.is_null()) else {
        return Ok(BTreeMap::new());
    };
    let comments: BTreeMap<Id, Json> = json.read(&path)?;
    if let Some((id, _)) = comments.iter().find(|(_, comment)| !comment.is_object()) {
        return Err(Error::invalid(format!("{path}.{id}"), "must be an object: the comment"));
    }
    *json = Json::from_value(&Fields::new()).map_err(|error| Error::internal().caused_by(error))?;
    Ok(comments)
}

/// A stored thread as it is answered.
///
/// # Errors
/// [`Error::internal`], which does not happen: what is stored is JSON.
pub(crate) fn to_payload(record: Record) -> Result<(Id, Fields), Error> {
    let (id, mut fields, comments) = record.into_parts();
    if !comments.is_empty() || fields.get(COMMENTS).is_some_and(Json::is_object) {
        let comments = Json::from_value(&comments).map_err(|error| Error::internal().caused_by(error))?;
        fields.insert(COMMENTS.to_owned(), comments);
    }
    provider::name_itself(&mut fields, NAMES.id, &id)?;
    Ok((id, fields))
}

/// A top-level field as a change.
pub(crate) fn field(name: String, value: Json, meaning: Meaning) -> Change {
    let rule = if meaning.sets(&name) { Rule::Set } else { Rule::Missing };
    Change { slot: Slot::Field(name), value: Some(value), rule }
}

/// The slot of a comment.
pub(crate) fn comment_slot(id: &str) -> Slot {
    Slot::Comment(id.to_owned())
}

/// What of a comment came with a save.
#[derive(Debug)]
pub(crate) struct Came {
    /// Whether its text did. A comment without was sent by a reader whom the text did not reach.
    pub(crate) has_text: bool,
    pub(crate) holds_files: bool,
    /// The user who wrote it, by its own words.
    pub(crate) author: Option<Id>,
}

/// Looks into a comment.
///
/// # Errors
/// It has an id of its own that is not the one it is under.
pub(crate) fn look_into(id: &Id, comment: &Json, path: &str) -> Result<Came, Error> {
    let fields: Fields = comment.read(path)?;
    if let Some(own) = fields.get("commentId").filter(|own| !own.is_null())
        && own.read::<TextOrNumber>(&format!("{path}.commentId"))?.as_str() != id.as_str()
    {
        return Err(Error::invalid(format!("{path}.commentId"), "is not the id that the comment is under"));
    }
    let holds_files = fields.get(ATTACHMENTS).is_some_and(|files| !Named::values(files).is_empty());
    Ok(Came { has_text: has_text(&fields), holds_files, author: author::of_comment(comment) })
}

fn has_text(comment: &Fields) -> bool {
    TEXT.iter().any(|name| comment.get(*name).is_some_and(|text| !text.is_null()))
}

/// The stored comment with what the new one brings; what it does not bring stays. A null clears, but not the text: a new
/// comment without text was sent by a reader whom the text did not reach.
///
/// Never fails: what is not an object has nothing to keep.
pub(crate) fn update(stored: &Json, new: &Json) -> Json {
    let (Ok(mut kept), Ok(mut fields)) = (stored.read::<Fields>(""), new.read::<Fields>("")) else {
        return new.clone();
    };
    if !has_text(&fields) {
        for name in TEXT {
            fields.remove(name);
        }
    }
    kept.append(&mut fields);
    Json::from_value(&kept).unwrap_or_else(|_| new.clone())
}

/// Names the files attached to a thread's comments.
pub(crate) fn name_files(thread: &Record, named: &mut Named<'_>) {
    for (slot, comment) in &thread.slots {
        if let (Slot::Comment(_), Some(comment)) = (slot, comment) {
            name_files_of(comment, named);
        }
    }
}

/// Names the files attached to a comment.
fn name_files_of(comment: &Json, named: &mut Named<'_>) {
    let attachments = comment.read::<Fields>("").ok().and_then(|mut fields| fields.remove(ATTACHMENTS));
    for (id, attachment) in attachments.iter().flat_map(Named::values) {
        if let Some(id) = id.and_then(|id| Id::try_from(id).ok()) {
            named.id(&id.into());
        }
        named.attachment(&attachment);
    }
}

/// The save with the names of the files that its comments bring: they are found by these when the comments are gone.
pub(crate) fn with_files_noted(mut save: Save) -> Save {
    named::note(&mut save, |change, named| {
        if let (Slot::Comment(_), Some(comment)) = (&change.slot, &change.value) {
            name_files_of(comment, named);
        }
    });
    save
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::from_text(text.to_owned()).unwrap()
    }

    #[test]
    fn a_comment_without_text_keeps_the_stored_text_and_changes_the_rest() {
        let stored = json(r#"{"commentId":1,"commentText":"a","commentHtml":"<p>a</p>","to":[1]}"#);
        let kept = update(&stored, &json(r#"{"commentId":1,"attachments":{}}"#));
        assert_eq!(
            kept,
            json(r#"{"attachments":{},"commentHtml":"<p>a</p>","commentId":1,"commentText":"a","to":[1]}"#)
        );
        let nulls = update(&stored, &json(r#"{"commentText":null,"commentHtml":null,"to":[2]}"#));
        assert_eq!(nulls, json(r#"{"commentHtml":"<p>a</p>","commentId":1,"commentText":"a","to":[2]}"#));
    }

    #[test]
    fn a_comment_with_text_sets_what_it_names_and_keeps_the_rest() {
        let stored = json(r#"{"agent":{"agentId":"a"},"commentHtml":"<p>a</p>","commentText":"a","to":[1]}"#);
        let updated = update(&stored, &json(r#"{"commentText":"b","to":null}"#));
        assert_eq!(updated, json(r#"{"agent":{"agentId":"a"},"commentHtml":"<p>a</p>","commentText":"b","to":null}"#));
        let emptied = update(&stored, &json(r#"{"commentText":"","commentHtml":null}"#));
        assert_eq!(emptied, json(r#"{"agent":{"agentId":"a"},"commentHtml":null,"commentText":"","to":[1]}"#));
    }

    #[test]
    fn a_text_that_was_emptied_is_a_text() {
        let has_text =
            |comment: &str| look_into(&Id::try_from("1".to_owned()).unwrap(), &json(comment), "c").unwrap().has_text;
        assert!(has_text(r#"{"commentText":""}"#));
        assert!(!has_text(r#"{"commentId":1,"commentText":null}"#));
    }

    #[test]
    fn a_thread_that_came_without_comments_has_none_in_the_answer() {
        let mut fields: Fields = json(r#"{"a":1}"#).read("").unwrap();
        assert!(take_comments(&mut fields, "t").unwrap().is_empty());
        assert!(!fields.contains_key(COMMENTS));
    }
}
