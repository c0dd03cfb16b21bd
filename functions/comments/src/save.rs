use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, TextOrNumber, optional_id};
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::payload::{self, Names, Payload, Records};
use shared::provider;
use shared::records::Writer;
use shared::records::change::{Change, Rule, Save as SaveRecord};
use shared::scope::{Caller, Scope};

use crate::{COMMENTS, thread};

const NAMES: Names = Names {
    records: "commentAnnotation",
    id: "annotationId",
    organization: "metadata.organizationId",
    own_metadata: true,
};

/// `comments/save`: merges threads into what is stored.
#[derive(Debug)]
pub struct Save;

/// `SaveCommentResolverRequest`. Its `targetComment` repeats a comment of the payload and is not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveCommentResolverRequest {
    comment_annotation: Records,
    #[serde(default)]
    event: Option<String>,
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
    #[serde(default)]
    comment_id: Option<TextOrNumber>,
}

impl Operation for Save {
    const NAME: &'static str = "comments-save";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/comments/save";
    type Store = Writer;
    type Request = Json<SaveCommentResolverRequest>;
    type Answer = Answer<()>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let subject = Subject::of(request.event.as_deref(), request.comment_id.as_ref());
        notes::event(request.event.as_deref());
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let (scope, threads) = payload::open(caller, &metadata, request.comment_annotation, &NAMES)?;
        let saves =
            threads.into_iter().map(|thread| subject.save(scope.clone(), thread)).collect::<Result<Vec<_>, Error>>()?;
        writer.save(&COMMENTS, &saves).await?;
        Ok(Answer::done(saves.len()))
    }
}

/// What a save is about, which decides what of its payload is news and what is only the sender's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject<'a> {
    /// One comment. Everything else is the sender's view, and fills in only what is missing here.
    Comment { id: &'a str, deleted: bool },
    /// The thread's own fields. Its comments are the sender's view.
    Annotation { added: bool },
    /// Nothing was said: the payload is the thread.
    Thread,
}

impl<'a> Subject<'a> {
    /// By the events of Velt's `ResolverActions` and `CommentResolverSaveEvent`; one that is unknown is about the thread.
    fn of(event: Option<&str>, comment: Option<&'a TextOrNumber>) -> Self {
        match (event, comment) {
            (None, _) => Self::Thread,
            (Some(event), Some(comment)) if event.starts_with("comment.") => {
                Self::Comment { id: comment.as_str(), deleted: event == "comment.delete" }
            }
            (Some(event), _) => Self::Annotation { added: event == "comment_annotation.add" },
        }
    }

    fn save(self, scope: Scope, payload: Payload) -> Result<SaveRecord, Error> {
        let Payload { id, mut fields, document, folder } = payload;
        let path = format!("commentAnnotation.{id}");
        let comments = thread::take_comments(&mut fields, &path)?;
        let about_a_comment = matches!(self, Self::Comment { .. });
        let rule = if about_a_comment { Rule::Missing } else { Rule::Set };
        let mut changes = provider::changes(fields, rule);
        let mut deleted = None;
        if let Self::Comment { id, deleted: true } = self {
            deleted = Some(Change { slot: thread::comment_slot(id), value: None, rule: Rule::Set });
        }
        let mut holds_files = false;
        for (comment_id, comment) in comments {
            let came = thread::look_into(&comment_id, &comment, &format!("{path}.comments.{comment_id}"))?;
            let rule = match self {
                Self::Comment { id, deleted: true } if id == comment_id.as_str() => continue,
                Self::Comment { id, .. } if id != comment_id.as_str() => Rule::Missing,
                Self::Annotation { .. } => Rule::Missing,
                _ if came.has_text => Rule::UnlessDeleted,
                _ => Rule::Combine(thread::keep_text),
            };
            holds_files |= came.holds_files;
            changes.push(Change { slot: thread::comment_slot(comment_id.as_str()), value: Some(comment), rule });
        }
        changes.extend(deleted);
        let (document, folder) = if about_a_comment {
            (provider::only_where_unknown(document), provider::only_where_unknown(folder))
        } else {
            (document, folder)
        };
        let revives = matches!(self, Self::Thread | Self::Annotation { added: true });
        Ok(SaveRecord { scope, id, document, folder, changes, holds_files, revives })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_what_a_save_is_about() {
        let seven: TextOrNumber = serde_json::from_str("7").unwrap();
        let comment = |deleted| Subject::Comment { id: "7", deleted };
        for (event, id, subject) in [
            (None, Some(&seven), Subject::Thread),
            (Some("comment.add"), Some(&seven), comment(false)),
            (Some("comment.accept"), Some(&seven), comment(false)),
            (Some("comment.delete"), Some(&seven), comment(true)),
            (Some("comment.add"), None, Subject::Annotation { added: false }),
            (Some("comment_annotation.add"), Some(&seven), Subject::Annotation { added: true }),
            (Some("comment_annotation.assign"), None, Subject::Annotation { added: false }),
            (Some("something.new"), Some(&seven), Subject::Annotation { added: false }),
        ] {
            assert_eq!(Subject::of(event, id), subject, "{event:?}");
        }
    }
}
