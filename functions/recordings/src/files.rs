//! The files that a recording names.

use shared::json::{Fields, Json};
use shared::records::change::Save;
use shared::records::{Record, Slot};
use storage::named::{self, Named};

/// One attachment.
const ATTACHMENT: &str = "attachment";
/// Several.
const ATTACHMENTS: &str = "attachments";
/// The URLs of a recording that was uploaded in chunks.
const CHUNK_URLS: &str = "chunkUrls";
/// Earlier versions, each with files of its own.
const EDIT_VERSIONS: &str = "recordingEditVersions";

/// Notes the files that a save brings the names of: they are found by these when other values replaced them.
pub(crate) fn note(save: &mut Save) {
    named::note(save, |change, named| {
        if let (Slot::Field(field), Some(value)) = (&change.slot, &change.value) {
            name_field(field, value, named);
        }
    });
}

/// Names the files of a recording.
pub(crate) fn name(recording: &Record, named: &mut Named<'_>) {
    for (slot, value) in &recording.slots {
        if let (Slot::Field(field), Some(value)) = (slot, value) {
            name_field(field, value, named);
        }
    }
}

/// Names the files of a recording's field.
fn name_field(field: &str, value: &Json, named: &mut Named<'_>) {
    if field != EDIT_VERSIONS {
        return name_of(field, value, named);
    }
    for (_, version) in Named::values(value) {
        let fields = version.read::<Fields>("").unwrap_or_default();
        for (field, value) in &fields {
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
