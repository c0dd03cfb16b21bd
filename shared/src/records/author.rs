//! Who wrote what, where only authors may change what they wrote (the setting `AUTHORS_ONLY`).

use serde::Deserialize;

use super::change::{Content, Rule, Save};
use super::{Authors, Feature, Slot};
use crate::Error;
use crate::contract::Id;
use crate::json::{Fields, Json};
use crate::scope::{Author, Scope};

/// Velt's `PartialUser`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartialUser {
    user_id: Id,
}

/// The field that says who wrote a record or a comment, and what old clients called it.
const FROM: [&str; 2] = ["from", "user"];

/// Who is to be checked, if anybody.
pub(super) fn checked<'a>(feature: &Feature, scope: &'a Scope) -> Option<&'a Author> {
    scope.author().filter(|_| feature.authors != Authors::Unknown)
}

fn of_user(user: &Json) -> Option<Id> {
    user.read::<PartialUser>("").ok().map(|user| user.user_id)
}

fn of_comment(comment: &Json) -> Option<Id> {
    of_user(comment.read::<Fields>("").ok()?.get(FROM[0])?)
}

fn of_record(content: &Content) -> Option<Id> {
    FROM.iter().find_map(|name| of_user(content.slots.get(&Slot::Field((*name).to_owned()))?.as_ref()?))
}

/// The save without the comments of others that it only brings along: a view of them is no proof that they wrote them.
pub(super) fn without_views(save: &Save, author: &Author, stored: &Content) -> Save {
    let mut save = save.clone();
    save.changes.retain(|change| {
        let is_view = matches!((&change.slot, &change.rule), (Slot::Comment(_), Rule::Missing));
        let is_new = !stored.slots.contains_key(&change.slot);
        !(is_view && is_new) || change.value.as_ref().and_then(of_comment) == author.user
    });
    save
}

/// Refuses a change of what somebody else wrote, and something new that says so.
pub(super) fn check_save(
    author: &Author,
    feature: &Feature,
    stored: Option<&Content>,
    next: &Content,
) -> Result<(), Error> {
    let is_mine = |writer: Option<Id>| author.user.is_some() && writer == author.user;
    let allowed = |holds: bool| if holds { Ok(()) } else { Err(Error::forbidden()) };
    match (feature.authors, stored) {
        (Authors::Unknown, _) => return Ok(()),
        (Authors::Record, None) => return allowed(is_mine(of_record(next))),
        (Authors::Record, Some(stored)) => {
            return allowed(stored == next || (is_mine(of_record(stored)) && is_mine(of_record(next))));
        }
        // Everybody may assign and resolve; who began a thread is not to be changed.
        (Authors::Comments, None) => allowed(of_record(next).is_none_or(|writer| is_mine(Some(writer))))?,
        (Authors::Comments, Some(stored)) => allowed(of_record(stored) == of_record(next))?,
    }
    for (slot, new) in next.slots.iter().filter(|(slot, _)| matches!(slot, Slot::Comment(_))) {
        let old = stored.and_then(|stored| stored.slots.get(slot));
        if old == Some(new) {
            continue;
        }
        let was_mine = match old {
            Some(Some(old)) => is_mine(of_comment(old)),
            Some(None) | None => true,
        };
        let stays_mine = new.as_ref().is_none_or(|new| is_mine(of_comment(new)));
        allowed(was_mine && stays_mine)?;
    }
    Ok(())
}

/// Refuses to delete what somebody else wrote.
pub(super) fn check_delete(author: &Author, stored: &Content) -> Result<(), Error> {
    match of_record(stored) {
        Some(writer) if Some(&writer) == author.user.as_ref() => Ok(()),
        _ => Err(Error::forbidden()),
    }
}
