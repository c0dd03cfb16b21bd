//! What the payload of a save says of whose its records are and where they stand.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::Error;
use crate::contract::{Id, Metadata, Object};
use crate::json::{Fields, Json};
use crate::limits::{self, FIELD_NAME_BYTES};
use crate::records::change::Move;
use crate::scope::{Caller, Scope};

/// The records of a save as they came: a map by their ids, which is Velt's own form, or a list of them, or one alone, as
/// the docs of Velt's Node SDK have it. [`open`] reads them.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Records(Json);

/// The name that the Node docs use for any record's id.
const ANY_ID: &str = "id";

/// A record of a save: its id, its fields, and where it stands in the request, for messages.
type Entry = (Id, Fields, String);

impl Records {
    fn entries(&self, names: &Names) -> Result<Vec<Entry>, Error> {
        let Self(json) = self;
        let field = names.records;
        let own_id = |fields: &Fields| {
            [names.id, ANY_ID].into_iter().find(|name| fields.get(*name).is_some_and(|id| !id.is_null()))
        };
        if json.text().starts_with('[') {
            let list: Vec<Json> = json.read(field)?;
            let mut seen = BTreeSet::new();
            let entry = |(index, json): (usize, Json)| {
                let path = format!("{field}[{index}]");
                let fields: Fields = json.read(&path)?;
                let name = own_id(&fields).unwrap_or(names.id);
                let id_path = format!("{path}.{name}");
                let id =
                    fields.get(name).ok_or_else(|| Error::invalid(&id_path, "is required: it names the record"))?;
                let id: Id = id.read(&id_path)?;
                if !seen.insert(id.clone()) {
                    return Err(Error::invalid(id_path, "is in the list twice"));
                }
                Ok((id, fields, path))
            };
            return list.into_iter().enumerate().map(entry).collect();
        }
        let fields: Fields = json.read(field)?;
        if let Some(name) = own_id(&fields)
            && let Some(id) = fields.get(name).filter(|id| id.text().starts_with('"'))
        {
            let id = id.read(&format!("{field}.{name}"))?;
            return Ok(vec![(id, fields, field.to_owned())]);
        }
        let map: BTreeMap<Id, Json> = json.read(field)?;
        let entry = |(id, json): (Id, Json)| {
            let path = format!("{field}.{id}");
            let fields = json.read(&path)?;
            Ok((id, fields, path))
        };
        map.into_iter().map(entry).collect()
    }
}

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
    /// Where it stands in the request, for messages.
    pub path: String,
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
/// own metadata says where it stands, and the request's fills in what it leaves out. What neither says stays as it is stored.
///
/// # Errors
/// [`Error::invalid`] naming the field: no records, no organization, two of them, metadata of the wrong type, a record
/// whose own id is another.
pub fn open(
    caller: &Caller,
    metadata: &Metadata,
    records: &Records,
    names: &Names,
) -> Result<(Scope, Vec<Payload>), Error> {
    let field = names.records;
    let records = records.entries(names)?;
    if records.is_empty() {
        return Err(Error::invalid(field, "is empty: at least one record is required"));
    }
    limits::check_records(field, records.iter().map(|(_, fields, _)| fields))?;
    let mut organization = metadata.organization_id.clone();
    let mut payloads = Vec::with_capacity(records.len());
    for (id, mut fields, path) in records {
        let own = if names.own_metadata { own_metadata(&fields, &path)? } else { Metadata::default() };
        check_names(&fields, &path)?;
        check_own_id(&fields, &id, &format!("{path}.{}", names.id), names.id)?;
        // It is answered as the id, so a repeat that brings that is no other record, and no change of this one.
        if fields.get(names.id).is_some_and(Json::is_null) {
            fields.remove(names.id);
        }
        caller.check_api_key(&own)?;
        let own_organization = own.organization_id.as_ref();
        if metadata.organization_id.is_none() && own_organization.is_none() {
            let path = if names.own_metadata {
                format!("{path}.metadata.organizationId")
            } else {
                names.organization.to_owned()
            };
            return Err(Error::no_organization(&path));
        }
        if let Some(own) = own_organization {
            let expected = organization.get_or_insert_with(|| own.clone());
            if expected != own {
                return Err(Error::invalid(
                    format!("{path}.metadata.organizationId"),
                    "is not the organization of the rest of the request",
                ));
            }
        }
        let document = stands_in(own.document_id.or_else(|| metadata.document_id.clone()));
        let folder = stands_in(own.folder_id.or_else(|| metadata.folder_id.clone()));
        payloads.push(Payload { id, fields, document, folder, path });
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

fn own_metadata(fields: &Fields, path: &str) -> Result<Metadata, Error> {
    let own = fields.get("metadata").filter(|metadata| !metadata.is_null());
    let own = own.map(|metadata| metadata.read::<Object<Metadata>>(&format!("{path}.metadata"))).transpose()?;
    Ok(own.unwrap_or_default().0)
}

fn check_own_id(fields: &Fields, id: &Id, path: &str, id_field: &str) -> Result<(), Error> {
    match fields.get(id_field).filter(|own| !own.is_null()) {
        Some(own) if own.read::<Id>(path)? != *id => {
            Err(Error::invalid(path, "is not the id that the record is under"))
        }
        _ => Ok(()),
    }
}

/// What is not said changes nothing.
fn stands_in(id: Option<Id>) -> Move {
    id.map_or(Move::Keep, |id| Move::Set(Some(id)))
}
