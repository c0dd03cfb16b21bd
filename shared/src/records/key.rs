//! How ids become keys. Ids are opaque text: whatever one holds, it can't name another record or another tenant.

use sha2::{Digest as _, Sha256};

use super::Feature;
use super::table::ORGANIZATION_SHARDS;
use crate::contract::Id;
use crate::digest::sha256;
use crate::scope::Scope;

/// The sort key of a record's first, and mostly only, item. Chunks sort before it: a query reads it after them, and so
/// knows of each chunk that it read whether it is named.
pub(super) const RECORD: &str = "record";

/// Longest part of a key that is written out, in bytes. DynamoDB ends a partition key at 2,048 and a sort key at 1,024.
const LONGEST_PART: usize = 400;

/// The key of a record, which only a [`Scope`] can make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RecordKey {
    /// The partition key's value.
    pub(super) partition: String,
    /// The partition of [`super::table::BY_ORGANIZATION`].
    pub(super) organization_shard: String,
}

impl RecordKey {
    pub(super) fn new(feature: &Feature, scope: &Scope, id: &Id) -> Self {
        let shard = Sha256::digest(id.as_str())[0] % ORGANIZATION_SHARDS;
        Self {
            partition: joined(feature, scope.organization(), id.as_str()),
            organization_shard: organization_shard(feature, scope, shard),
        }
    }
}

/// Whether a text is the partition of a record of the feature and the organization: it came back from a client.
pub(super) fn is_partition(feature: &Feature, scope: &Scope, text: &str) -> bool {
    let own = joined(feature, scope.organization(), "");
    text.strip_prefix(&own).is_some_and(|id| !id.is_empty() && !id.contains('#')) && text.len() <= LONGEST_PARTITION
}

/// The longest partition: its feature, and two parts of which the longest is written out.
const LONGEST_PARTITION: usize = 1024;

/// The partition of [`super::table::BY_DOCUMENT`].
pub(super) fn document(feature: &Feature, scope: &Scope, document: &Id) -> String {
    let organization = scope.organization().filter(|_| !feature.crosses_organizations);
    joined(feature, organization, document.as_str())
}

/// The partition of [`super::table::BY_FOLDER`].
pub(super) fn folder(feature: &Feature, scope: &Scope, folder: &Id) -> String {
    joined(feature, scope.organization(), folder.as_str())
}

/// A partition of [`super::table::BY_ORGANIZATION`].
pub(super) fn organization_shard(feature: &Feature, scope: &Scope, shard: u8) -> String {
    joined(feature, scope.organization(), &shard.to_string())
}

/// The sort key of one item of a chunk; `generation` tells which writing of the record it belongs to.
pub(super) fn chunk(generation: &str, chunk: &str, part: usize) -> String {
    format!("{}{chunk}#{part:04}", chunks_of(generation))
}

/// What the sort keys of a generation's chunks begin with.
pub(super) fn chunks_of(generation: &str) -> String {
    format!("chunk#{generation}#")
}

/// An organization's id is never empty, so the records of none are nobody's in particular.
fn joined(feature: &Feature, organization: Option<&Id>, last: &str) -> String {
    let organization = organization.map(|id| part(id.as_str())).unwrap_or_default();
    format!("{}#{organization}#{}", feature.name, part(last))
}

/// One part of a key: `#` and `%` escaped, and a digest instead of what is too long.
///
/// No two texts give the same part: `%s` is no escape, so a digest is never another text's escaped form.
fn part(text: &str) -> String {
    let escaped = text.replace('%', "%25").replace('#', "%23");
    if escaped.len() <= LONGEST_PART {
        return escaped;
    }
    format!("%sha256:{}", sha256(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::records::Authors;

    const FEATURE: Feature =
        Feature { name: "comments", crosses_organizations: false, in_documents: true, authors: Authors::Comments };

    fn id(text: &str) -> Id {
        serde_json::from_value(serde_json::Value::String(text.to_owned())).unwrap()
    }

    fn key_of(organization: &str, record: &str) -> RecordKey {
        RecordKey::new(&FEATURE, &Scope::signed(id(organization)), &id(record))
    }

    proptest! {
        #[test]
        fn two_records_never_share_a_key(a in "[a#%/235]{1,4}", b in "[a#%/235]{1,4}", c in "[a#%/235]{1,4}", d in "[a#%/235]{1,4}") {
            prop_assert_eq!((&a, &b) == (&c, &d), key_of(&a, &b).partition == key_of(&c, &d).partition);
        }

        #[test]
        fn any_id_gives_a_key_within_the_limits(organization in "[^\0\n]{1,900}", record in "[^\0\n]{1,900}") {
            let key = key_of(&organization, &record);
            prop_assert!(key.partition.len() <= 1024 && key.organization_shard.len() <= 2048);
        }
    }

    #[test]
    fn a_long_id_is_told_apart_from_its_neighbour_and_from_its_digest() {
        let (a, b) = (part(&"a".repeat(401)), part(&format!("{}b", "a".repeat(400))));
        assert_ne!(a, b);
        assert_ne!(part(&a), a);
    }
}
