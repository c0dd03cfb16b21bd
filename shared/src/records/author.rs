//! Who wrote what, on stacks where only authors may change what they wrote (the setting `AUTHORS_ONLY`).
//!
//! A record's author is the user that it names when it is first saved, and stays so. A record that names nobody belongs to
//! nobody: only an administrator or the app's backend, who are not checked here, changes it. What can't be read as a user
//! is nobody, so a check fails where two readers could disagree.

use serde::Deserialize;

use super::change::{self, Change, Content, Move, Rule, Save};
use super::{Authors, Feature, Slot};
use crate::Error;
use crate::contract::{Id, Object};
use crate::json::{Fields, Json};
use crate::scope::{Author, Scope};

/// Velt's `PartialUser`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartialUser {
    user_id: Id,
}

/// The field that names the author of a record, of a thread or of a comment.
const FROM: &str = "from";
/// What old clients called it on a reaction. It counts only without [`FROM`], as in the answer of a get.
const OLD_FROM: &str = "user";
/// The field that names who did what an activity record tells.
const ACTION_USER: &str = "actionUser";
/// The field that says where a record stands.
const METADATA: &str = "metadata";
/// What a repeated save may say differently without saying anything new: Velt's SDK writes its own version there.
const NOT_CONTENT: [&str; 2] = [METADATA, "documentMetadata"];
/// The field of a thread, or of a comment, that says which agent wrote it.
const AGENT: &str = "agent";

/// Whom a field names.
#[derive(Debug, PartialEq)]
enum Named {
    Nobody,
    User(Id),
    /// Something that is no user.
    Unreadable,
}

impl Named {
    fn by(field: Option<&Json>) -> Self {
        match field.filter(|user| !user.is_null()) {
            None => Self::Nobody,
            Some(user) => of_user(user).map_or(Self::Unreadable, Self::User),
        }
    }

    fn is(&self, user: Option<&Id>) -> bool {
        matches!(self, Self::User(named) if Some(named) == user)
    }
}

/// Who is to be checked, if anybody.
pub(super) fn checked<'a>(feature: &Feature, scope: &'a Scope) -> Option<&'a Author> {
    scope.author().filter(|_| feature.authors != Authors::Unknown)
}

fn of_user(user: &Json) -> Option<Id> {
    user.read::<Object<PartialUser>>("").ok().map(|Object(user)| user.user_id)
}

/// The user who wrote a comment, by its own words.
#[must_use]
pub fn of_comment(comment: &Json) -> Option<Id> {
    of_user(comment.read::<Fields>("").ok()?.get(FROM)?)
}

fn field<'a>(content: &'a Content, name: &str) -> Option<&'a Json> {
    content.slots.get(&Slot::Field(name.to_owned()))?.as_ref()
}

fn of_record(feature: &Feature, content: &Content) -> Named {
    match feature.authors {
        Authors::Unknown => Named::Nobody,
        Authors::Comments => Named::by(field(content, FROM)),
        Authors::Actions => Named::by(field(content, ACTION_USER)),
        Authors::Record => match Named::by(field(content, FROM)) {
            Named::Nobody => Named::by(field(content, OLD_FROM)),
            named => named,
        },
    }
}

fn allowed(holds: bool) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::forbidden()) }
}

/// Applies `save` to what is stored, as far as `author` may: as [`change::merge`], without what is only a view of others'
/// work, and refused if it changes others' work or names somebody else as the author of something new.
///
/// # Errors
/// [`Error::forbidden`], or as [`change::merge`].
pub(super) fn merge(
    author: &Author,
    feature: &Feature,
    stored: Option<&Content>,
    save: &Save,
) -> Result<Content, Error> {
    let user = author.user.as_ref();
    let Some(stored) = stored else {
        let next = change::merge(&Content::default(), &new_thread(user, feature, save)?)?;
        let named = of_record(feature, &next);
        let may_name_nobody = matches!(feature.authors, Authors::Comments | Authors::Actions);
        allowed(named.is(user) || (may_name_nobody && named == Named::Nobody))?;
        check_comments(user, &Content::default(), &next)?;
        return Ok(next);
    };
    let writer = of_record(feature, stored);
    let is_mine = writer.is(user);
    if feature.authors == Authors::Comments {
        let next = change::merge(stored, &old_thread(user, is_mine, stored, save)?)?;
        check_comments(user, stored, &next)?;
        return Ok(next);
    }
    if is_mine {
        let next = change::merge(stored, save)?;
        allowed(of_record(feature, &next) == writer)?;
        return Ok(next);
    }
    // Activity that names nobody is append-only for everybody, and nobody's to move.
    if feature.authors == Authors::Actions && writer == Named::Nobody {
        let mut save = save.clone();
        stays_where_it_is(&mut save);
        save.changes.retain(|change| !is_any_of(&change.slot, &NOT_CONTENT));
        let next = change::merge(stored, &save)?;
        allowed(of_record(feature, &next) == writer)?;
        return Ok(next);
    }
    let mut content = save.changes.iter().filter(|change| !is_any_of(&change.slot, &NOT_CONTENT));
    allowed(content.all(|change| is_stored(stored, change)))?;
    Ok(stored.clone())
}

fn is_any_of(slot: &Slot, fields: &[&str]) -> bool {
    matches!(slot, Slot::Field(name) if fields.contains(&name.as_str()))
}

/// Whether a change says what is stored already.
fn is_stored(stored: &Content, change: &Change) -> bool {
    match (stored.slots.get(&change.slot), &change.value) {
        (Some(Some(old)), Some(new)) => old.means_the_same_as(new),
        (Some(None), None) => true,
        _ => false,
    }
}

/// The save of a thread that is not stored yet. Others' comments, and the name of who began it, are the sender's view
/// here, which is no proof; but who says to begin a thread in another's name is refused.
fn new_thread(user: Option<&Id>, feature: &Feature, save: &Save) -> Result<Save, Error> {
    let mut save = save.clone();
    if feature.authors != Authors::Comments {
        return Ok(save);
    }
    let mut forged = false;
    save.changes.retain(|change| match &change.slot {
        Slot::Field(name) if name == FROM => {
            let named = Named::by(change.value.as_ref());
            forged |=
                named == Named::Unreadable || (sets(change) && matches!(named, Named::User(_)) && !named.is(user));
            named.is(user) || named == Named::Nobody
        }
        Slot::Field(_) | Slot::Files(_) => true,
        // Nothing is there to be deleted.
        Slot::Comment(_) => change.value.is_some() && (sets(change) || is_by(user, change)),
    });
    allowed(!forged)?;
    Ok(save)
}

/// The save of a thread that is stored: who began it is not to be changed, nor, by others, where it stands, what its
/// metadata says and which agent wrote it. Their view of those is nothing new, so it is left out. Nothing is made of a view of others' comments, and
/// nothing is deleted that is not there.
fn old_thread(user: Option<&Id>, is_mine: bool, stored: &Content, save: &Save) -> Result<Save, Error> {
    let mut save = save.clone();
    let mut forged = false;
    save.changes.retain(|change| match &change.slot {
        Slot::Field(name) if name == FROM => {
            let (named, known) = (Named::by(change.value.as_ref()), Named::by(field(stored, FROM)));
            let is_new = !is_stored(stored, change);
            let claims = sets(change) && matches!(named, Named::User(_)) && named != known;
            // Nobody's thread is not taken over; who says to have begun it all the same has only an older view.
            let is_harmless = known == Named::Nobody && named.is(user);
            forged |= is_new && (named == Named::Unreadable || (claims && !is_harmless));
            false
        }
        Slot::Field(name) if name == AGENT => is_mine,
        Slot::Field(name) if name == METADATA => is_mine,
        Slot::Field(_) | Slot::Files(_) => true,
        slot @ Slot::Comment(_) => {
            stored.slots.contains_key(slot) || (change.value.is_some() && (sets(change) || is_by(user, change)))
        }
    });
    allowed(!forged)?;
    if !is_mine {
        // Not even where none is known: a thread without a folder would be opened to those who are limited to one.
        stays_where_it_is(&mut save);
    }
    Ok(save)
}

fn stays_where_it_is(save: &mut Save) {
    (save.document, save.folder) = (Move::Keep, Move::Keep);
}

/// Whether a change brings news, rather than its sender's view.
fn sets(change: &Change) -> bool {
    !matches!(change.rule, Rule::Missing)
}

fn is_by(user: Option<&Id>, change: &Change) -> bool {
    user.is_some() && change.value.as_ref().and_then(of_comment).as_ref() == user
}

/// Refuses a change of a comment that somebody else wrote, and a new one that says so.
fn check_comments(user: Option<&Id>, stored: &Content, next: &Content) -> Result<(), Error> {
    let is_mine = |comment: &Json| user.is_some() && of_comment(comment).as_ref() == user;
    for (slot, new) in next.slots.iter().filter(|(slot, _)| matches!(slot, Slot::Comment(_))) {
        let holds = match (stored.slots.get(slot), new) {
            (Some(Some(old)), Some(new)) => old.means_the_same_as(new) || (is_mine(old) && is_mine(new)),
            (Some(None) | None, Some(new)) => is_mine(new),
            (Some(Some(old)), None) => is_mine(old),
            (Some(None) | None, None) => true,
        };
        allowed(holds)?;
    }
    Ok(())
}

/// Refuses to delete what somebody else wrote. An agent's finding may also be deleted by the person who decided on it:
/// Velt's Reject deletes the thread.
///
/// # Errors
/// [`Error::forbidden`].
pub(super) fn check_delete(author: &Author, feature: &Feature, stored: &Content) -> Result<(), Error> {
    let user = author.user.as_ref();
    let writer = of_record(feature, stored);
    let decided = feature.authors == Authors::Comments && is_of_agent(&writer, stored) && is_decided_by(user, stored);
    allowed(writer.is(user) || decided)
}

/// Whether an agent wrote the thread: the thread says so, or a comment of its author does. Both are their authors' alone
/// to say, so nobody makes another's thread an agent's.
fn is_of_agent(writer: &Named, thread: &Content) -> bool {
    let Named::User(writer) = writer else { return false };
    let says_so = |comment: &Json| {
        let fields = comment.read::<Fields>("").unwrap_or_default();
        fields.get(AGENT).is_some_and(Json::is_object) && of_comment(comment).as_ref() == Some(writer)
    };
    field(thread, AGENT).is_some_and(Json::is_object)
        || thread
            .slots
            .iter()
            .any(|(slot, value)| matches!(slot, Slot::Comment(_)) && value.as_ref().is_some_and(says_so))
}

/// Whether `user` decided on a suggestion, or is the one to decide on it.
fn is_decided_by(user: Option<&Id>, thread: &Content) -> bool {
    let suggestion = field(thread, "suggestion").and_then(|suggestion| suggestion.read::<Fields>("").ok());
    let resolved_by = suggestion.as_ref().and_then(|suggestion| suggestion.get("resolvedBy"));
    let resolver = field(thread, "resolvedByUserId").and_then(|id| id.read::<Id>("").ok());
    Named::by(resolved_by).is(user)
        || Named::by(field(thread, "assignedTo")).is(user)
        || (user.is_some() && resolver.as_ref() == user)
}
