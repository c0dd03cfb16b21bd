//! What a save may do to what is stored. The same rules are applied by DynamoDB in one `UpdateItem` where it can, and
//! here, to a record that was read, where it can't.

use std::collections::BTreeMap;

use super::{Place, Slot, author};
use crate::Error;
use crate::contract::Id;
use crate::json::Json;
use crate::scope::Scope;

/// Makes one value of a stored and a new one.
pub type Combination = fn(&Json, &Json) -> Json;

/// When a change applies to what its slot holds.
///
/// The first four are also parts of an update expression, and mean the same there as in `merge`.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Whatever is there.
    Set,
    /// Only where nothing is, and nothing was deleted.
    Missing,
    /// Only where nothing is; another value there is a conflict, and nothing of the save is done.
    Once,
    /// Whatever is there, but not where something was deleted.
    UnlessDeleted,
    /// As [`Rule::UnlessDeleted`]. What is stored becomes what this makes of the stored and the new value.
    Combine(Combination),
    /// As [`Rule::Combine`] if the stored comment is of this user, and as [`Rule::Missing`] if it is of somebody else.
    CombineOwn(Id, Combination),
}

/// A new value of one slot; none deletes it and leaves a marker.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it changes.
    pub slot: Slot,
    /// The new value.
    pub value: Option<Json>,
    /// When it applies.
    pub rule: Rule,
}

/// What a save does to one part of a record's [`Place`].
#[derive(Clone, Debug)]
pub enum Move {
    /// It stays as it is.
    Keep,
    /// It becomes this where none is known.
    Fill(Id),
    /// It becomes this.
    Set(Option<Id>),
}

impl Move {
    /// The move of a record that says where it stands only the first time.
    #[must_use]
    pub fn only_where_unknown(self) -> Self {
        match self {
            Self::Set(Some(id)) => Self::Fill(id),
            Self::Fill(_) | Self::Keep => self,
            Self::Set(None) => Self::Keep,
        }
    }

    fn apply(&self, known: &mut Option<Id>) {
        match self {
            Self::Fill(id) if known.is_none() => *known = Some(id.clone()),
            Self::Set(id) => known.clone_from(id),
            Self::Keep | Self::Fill(_) => {}
        }
    }
}

/// A save of one record.
#[derive(Clone, Debug)]
pub struct Save {
    /// Whose record it is.
    pub scope: Scope,
    /// The record's id.
    pub id: Id,
    /// What becomes of the document it stands in.
    pub document: Move,
    /// What becomes of the folder it stands in.
    pub folder: Move,
    /// What becomes of its slots. No slot twice.
    pub changes: Vec<Change>,
    /// Whether it brings the names of files, which are to be deleted before the record is.
    pub holds_files: bool,
    /// Whether it makes a deleted record anew. One that does not, changes nothing of a deleted record.
    pub revives: bool,
}

impl Save {
    fn field_path(&self, slot: &Slot) -> String {
        let (Slot::Field(name) | Slot::Comment(name) | Slot::Files(name)) = slot;
        format!("{}.{name}", self.id)
    }
}

/// What a record holds, as merging sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Content {
    pub(super) place: Place,
    pub(super) holds_files: bool,
    pub(super) slots: BTreeMap<Slot, Option<Json>>,
}

/// Applies `save` to what is stored. The answer equals `stored` where there is nothing to do.
pub(super) fn merge(stored: &Content, save: &Save) -> Result<Content, Error> {
    let mut next = stored.clone();
    save.document.apply(&mut next.place.document);
    save.folder.apply(&mut next.place.folder);
    next.holds_files |= save.holds_files;
    for change in &save.changes {
        let old = stored.slots.get(&change.slot);
        let new = match (&change.rule, old) {
            (Rule::Once, Some(old)) => match (old, &change.value) {
                (Some(old), Some(new)) if old.means_the_same_as(new) => continue,
                _ => return Err(Error::conflict(save.field_path(&change.slot))),
            },
            (Rule::Missing, Some(_)) | (Rule::UnlessDeleted | Rule::Combine(_) | Rule::CombineOwn(..), Some(None)) => {
                continue;
            }
            (Rule::CombineOwn(user, _), Some(Some(old))) if author::of_comment(old).as_ref() != Some(user) => continue,
            (Rule::Combine(combine) | Rule::CombineOwn(_, combine), Some(Some(old))) => {
                let combined = change.value.as_ref().map(|new| combine(old, new));
                // What only stands in another order is left as it was written first.
                if combined.as_ref().is_some_and(|combined| combined.means_the_same_as(old)) {
                    continue;
                }
                combined
            }
            _ => change.value.clone(),
        };
        next.slots.insert(change.slot.clone(), new);
    }
    Ok(next)
}
