//! The files that a recording names.

use shared::json::{Fields, Json};
use shared::records::change::Change;
use shared::records::{Record, Slot};
use storage::named::Named;

/// One attachment.
const ATTACHMENT: &str = "attachment";
/// Several.
const ATTACHMENTS: &str = "attachments";
/// The URLs of a recording that was uploaded in chunks.
const CHUNK_URLS: &str = "chunkUrls";
/// Earlier versions, each with files of its own.
const EDIT_VERSIONS: &str = "recordingEditVersions";

/// Whether a save's change brings the names of files.
pub(crate) fn is_named_by(change: &Change) -> bool {
    let Slot::Field(name) = &change.slot else { return false };
    let has_names = matches!(name.as_str(), ATTACHMENT | ATTACHMENTS | CHUNK_URLS | EDIT_VERSIONS);
    has_names && change.value.as_ref().is_some_and(|value| !Named::values(value).is_empty())
}

/// Names the files of a recording.
pub(crate) fn name(recording: &Record, named: &mut Named<'_>) {
    for (slot, value) in &recording.slots {
        let (Slot::Field(field), Some(value)) = (slot, value) else { continue };
        if field == EDIT_VERSIONS {
            for (_, version) in Named::values(value) {
                let fields = version.read::<Fields>("").unwrap_or_default();
                for (field, value) in &fields {
                    name_of(field, value, named);
                }
            }
        } else {
            name_of(field, value, named);
        }
    }
}

fn name_of(field: &str, value: &Json, named: &mut Named<'_>) {
    match field {
        ATTACHMENT => named.attachment(value),
        ATTACHMENTS => Named::values(value).iter().for_each(|(_, attachment)| named.attachment(attachment)),
        CHUNK_URLS => {
            for (_, url) in Named::values(value) {
                if let Ok(url) = url.read::<String>("") {
                    named.url(&url);
                }
            }
        }
        _ => {}
    }
}
