//! How a thread's payload is kept: its top-level fields as they are, and each comment apart from the others.

use std::collections::BTreeMap;

use shared::Error;
use shared::contract::Id;
use shared::json::{Fields, Json};
use shared::records::{Record, Slot};

/// The field of a thread that holds its comments, by their ids.
const COMMENTS: &str = "comments";

/// The fields of a comment that are its text.
const TEXT: [&str; 2] = ["commentText", "commentHtml"];

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
pub(crate) fn to_payload(record: Record) -> Result<(Id, Fields), serde_json::Error> {
    let (id, mut fields, comments) = record.into_parts();
    if !comments.is_empty() || fields.get(COMMENTS).is_some_and(Json::is_object) {
        fields.insert(COMMENTS.to_owned(), Json::from_value(&comments)?);
    }
    Ok((id, fields))
}

/// The slot of a comment.
pub(crate) fn comment_slot(id: &str) -> Slot {
    Slot::Comment(id.to_owned())
}

/// Whether the comment came with its text. One without was sent by a reader whom the text did not reach.
pub(crate) fn has_text(comment: &Json) -> bool {
    comment.read::<Fields>("").is_ok_and(|fields| TEXT.iter().any(|name| fields.contains_key(*name)))
}

/// The new comment with the stored one's text. Never fails: what is not an object has no text to keep.
pub(crate) fn keep_text(stored: &Json, new: &Json) -> Json {
    let (Ok(mut stored), Ok(mut fields)) = (stored.read::<Fields>(""), new.read::<Fields>("")) else {
        return new.clone();
    };
    for name in TEXT {
        if let Some(text) = stored.remove(name) {
            fields.insert(name.to_owned(), text);
        }
    }
    Json::from_value(&fields).unwrap_or_else(|_| new.clone())
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
        let kept = keep_text(&stored, &json(r#"{"commentId":1,"attachments":{}}"#));
        assert_eq!(kept, json(r#"{"attachments":{},"commentHtml":"<p>a</p>","commentId":1,"commentText":"a"}"#));
    }

    #[test]
    fn a_text_that_was_emptied_is_a_text() {
        assert!(has_text(&json(r#"{"commentText":""}"#)));
        assert!(!has_text(&json(r#"{"commentId":1}"#)));
    }

    #[test]
    fn a_thread_that_came_without_comments_has_none_in_the_answer() {
        let mut fields: Fields = json(r#"{"a":1}"#).read("").unwrap();
        assert!(take_comments(&mut fields, "t").unwrap().is_empty());
        assert!(!fields.contains_key(COMMENTS));
    }
}
