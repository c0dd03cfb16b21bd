//! What the payload of a save says of whose its records are and where they stand.

use std::collections::BTreeMap;

use crate::Error;
use crate::contract::{Id, Metadata, Object};
use crate::json::Fields;
use crate::limits::{self, FIELD_NAME_BYTES};
use crate::records::change::Move;
use crate::scope::{Caller, Scope};

/// The records of a save, by their ids, as they came.
pub type Records = BTreeMap<Id, Fields>;

/// A record of a save, with what its own metadata says.
#[derive(Debug)]
pub struct Payload {
    /// The id it is saved under.
    pub id: Id,
    /// Its top-level fields, `metadata` among them.
    pub fields: Fields,
    /// The document it stands in.
    pub document: Move,
    /// The folder it stands in.
    pub folder: Move,
}

/// How a save's request calls its parts.
#[derive(Debug)]
pub struct Names {
    /// The map of the records.
    pub records: &'static str,
    /// The field by which a record repeats its id.
    pub id: &'static str,
    /// The organization, for the message where there is none.
    pub organization: &'static str,
    /// Whether a record's `metadata` is Velt's, and says where the record stands.
    pub own_metadata: bool,
}

/// Takes a save's records apart and opens the scope they belong to.
///
/// The request's `metadata` names the organization, or the records' own does; where both do, they must agree. A record's
/// own metadata says where it stands, and the request's fills in what it leaves out.
///
/// # Errors
/// [`Error::invalid`] naming the field: no records, no organization, two of them, metadata of the wrong type, a record
/// whose own id is another.
pub fn open(
    caller: &Caller,
    metadata: &Metadata,
    records: Records,
    names: &Names,
) -> Result<(Scope, Vec<Payload>), Error> {
    let field = names.records;
    if records.is_empty() {
        return Err(Error::invalid(field, "is empty: at least one record is required"));
    }
    limits::check_records(field, records.values())?;
    let mut organization = metadata.organization_id.clone();
    let mut payloads = Vec::with_capacity(records.len());
    for (id, fields) in records {
        let own = if names.own_metadata { own_metadata(&fields, &format!("{field}.{id}"))? } else { None };
        check_names(&fields, &format!("{field}.{id}"))?;
        check_own_id(&fields, &id, &format!("{field}.{id}.{}", names.id), names.id)?;
        if let Some(own) = &own {
            caller.check_api_key(own)?;
        }
        let own_organization = own.as_ref().and_then(|own| own.organization_id.as_ref());
        if metadata.organization_id.is_none() && own_organization.is_none() {
            let path = if names.own_metadata {
                format!("{field}.{id}.metadata.organizationId")
            } else {
                names.organization.to_owned()
            };
            return Err(Error::no_organization(&path));
        }
        if let Some(own) = own_organization {
            let expected = organization.get_or_insert_with(|| own.clone());
            if expected != own {
                return Err(Error::invalid(
                    format!("{field}.{id}.metadata.organizationId"),
                    "is not the organization of the rest of the request",
                ));
            }
        }
        let (document, folder) = match own {
            Some(own) => (
                Move::Set(own.document_id.or_else(|| metadata.document_id.clone())),
                Move::Set(own.folder_id.or_else(|| metadata.folder_id.clone())),
            ),
            None => (stands_in(metadata.document_id.as_ref()), stands_in(metadata.folder_id.as_ref())),
        };
        payloads.push(Payload { id, fields, document, folder });
    }
    let whole = Metadata { organization_id: organization, ..metadata.clone() };
    let scope = caller.scope(&whole, names.organization)?;
    Ok((scope, payloads))
}

/// Refuses names of fields that can't be kept as names: each is the name of an attribute.
///
/// # Errors
/// [`Error::invalid`] naming the field.
pub fn check_names(fields: &Fields, path: &str) -> Result<(), Error> {
    for name in fields.keys() {
        let why = match name.len() {
            _ if name.contains('\0') => "has a name with a NUL character: name it otherwise".to_owned(),
            bytes if bytes > FIELD_NAME_BYTES => format!("has a name of {bytes} bytes, more than {FIELD_NAME_BYTES}"),
            _ => continue,
        };
        return Err(Error::invalid(format!("{path}.{name}"), why));
    }
    Ok(())
}

fn own_metadata(fields: &Fields, path: &str) -> Result<Option<Metadata>, Error> {
    match fields.get("metadata").filter(|metadata| !metadata.is_null()) {
        Some(metadata) => {
            let Object(metadata) = metadata.read(&format!("{path}.metadata"))?;
            Ok(Some(metadata))
        }
        None => Ok(None),
    }
}

fn check_own_id(fields: &Fields, id: &Id, path: &str, id_field: &str) -> Result<(), Error> {
    match fields.get(id_field).filter(|own| !own.is_null()) {
        Some(own) if own.read::<Id>(path)? != *id => {
            Err(Error::invalid(path, "is not the id that the record is under"))
        }
        _ => Ok(()),
    }
}

fn stands_in(id: Option<&Id>) -> Move {
    id.map_or(Move::Keep, |id| Move::Set(Some(id.clone())))
}
