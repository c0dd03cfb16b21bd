use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, TextOrNumber, optional_id};
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::payload::{self, Names, Payload, Records};
use shared::records::Writer;
use shared::records::change::{Change, Rule, Save as SaveRecord};
use shared::scope::{Caller, Scope};

use crate::meaning::{Meaning, Named, Others};
use crate::{COMMENTS, thread};

pub(crate) const NAMES: Names = Names {
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
    #[serde(default, deserialize_with = "optional_id")]
    document_id: Option<Id>,
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
        let event = request.event.as_deref().filter(|event| !event.is_empty());
        notes::event(event);
        let metadata = Metadata::of(request.metadata, request.organization_id)?.in_document(request.document_id)?;
        let (scope, threads) = payload::open(caller, &metadata, &request.comment_annotation, &NAMES)?;
        let meaning = Meaning::of(event, request.comment_id.is_some(), caller.user().is_some());
        let subject = Subject { meaning, comment: request.comment_id.as_ref(), user: caller.user() };
        let saves =
            threads.into_iter().map(|thread| subject.save(scope.clone(), thread)).collect::<Result<Vec<_>, Error>>()?;
        let saves: Vec<SaveRecord> = saves.into_iter().map(thread::with_files_noted).collect();
        writer.save(&COMMENTS, &saves).await?;
        Ok(Answer::done(saves.len()))
    }
}

/// What a save is about.
#[derive(Clone, Copy, Debug)]
struct Subject<'a> {
    meaning: Meaning,
    comment: Option<&'a TextOrNumber>,
    user: Option<&'a Id>,
}

impl Subject<'_> {
    fn save(self, scope: Scope, payload: Payload) -> Result<SaveRecord, Error> {
        let Payload { id, mut fields, document, folder, path } = payload;
        let comments = thread::take_comments(&mut fields, &path)?;
        fields.remove(thread::TARGET_COMMENT);
        let mut changes: Vec<Change> =
            fields.into_iter().map(|(name, value)| thread::field(name, value, self.meaning)).collect();
        if let (Named::Deleted, Some(comment)) = (self.meaning.named, self.comment) {
            changes.push(Change { slot: thread::comment_slot(comment.as_str()), value: None, rule: Rule::Set });
        }
        let mut holds_files = false;
        for (comment_id, comment) in comments {
            let came = thread::look_into(&comment_id, &comment, &format!("{path}.comments.{comment_id}"))?;
            let is_named = self.comment.is_some_and(|named| named.as_str() == comment_id.as_str());
            let Some(rule) = self.rule(is_named, &came) else { continue };
            holds_files |= came.holds_files;
            changes.push(Change { slot: thread::comment_slot(comment_id.as_str()), value: Some(comment), rule });
        }
        let (document, folder) = if self.meaning.sets(thread::METADATA) {
            (document, folder)
        } else {
            (document.only_where_unknown(), folder.only_where_unknown())
        };
        Ok(SaveRecord { scope, id, document, folder, changes, holds_files, revives: self.meaning.revives })
    }

    /// What becomes of a comment of the payload; none if its own change is all that there is to say of it.
    fn rule(self, is_named: bool, came: &thread::Came) -> Option<Rule> {
        let whole = if came.has_text { Rule::UnlessDeleted } else { Rule::Combine(thread::update) };
        if is_named {
            return match self.meaning.named {
                Named::Seen => Some(Rule::Missing),
                Named::Added => Some(whole),
                Named::Updated => Some(Rule::Combine(thread::update)),
                Named::Deleted => None,
            };
        }
        match self.meaning.others {
            Others::Seen => Some(Rule::Missing),
            Others::Set => Some(whole),
            Others::SetIfOwn => Some(match self.user.filter(|user| came.author.as_ref() == Some(*user)) {
                Some(user) => Rule::CombineOwn(user.clone(), thread::update),
                None => Rule::Missing,
            }),
        }
    }
}
