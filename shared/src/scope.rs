//! Who calls, and what they may touch. A [`Scope`] is the only way to name a record, and only a [`Caller`] makes one, by
//! checking the request against what was verified of its sender. [`crate::access`] makes callers.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::Error;
use crate::access::{Grant, Organizations};
use crate::contract::{Id, Metadata};
use crate::notes;
use crate::records::Place;

/// Who sent a request, as far as the gateway verified it.
#[derive(Clone, Debug)]
pub struct Caller {
    grant: Grant,
    is_backend: bool,
    api_key: Option<String>,
    authors_only: bool,
}

impl Caller {
    pub(crate) fn new(grant: Grant, is_backend: bool, api_key: Option<String>, authors_only: bool) -> Self {
        Self { grant, is_backend, api_key, authors_only }
    }

    /// The scope of the organization that a request's metadata names, after checking all that it names: organization,
    /// document, folder and API key.
    ///
    /// `field` is where the request should have named the organization, for the message.
    ///
    /// # Errors
    /// The request names no organization, or [`Error::forbidden`] where it names what is not the caller's.
    pub fn scope(&self, metadata: &Metadata, field: &str) -> Result<Scope, Error> {
        notes::sender(metadata);
        let scope = self.organization(metadata.organization_id.as_ref(), field)?;
        self.check_api_key(metadata)?;
        scope.check_named(metadata)?;
        Ok(scope)
    }

    /// Refuses metadata that is of another app.
    ///
    /// # Errors
    /// [`Error::forbidden`].
    pub fn check_api_key(&self, metadata: &Metadata) -> Result<(), Error> {
        match (&self.api_key, &metadata.api_key) {
            (Some(own), Some(named)) if own != named => Err(Error::forbidden()),
            _ => Ok(()),
        }
    }

    /// The scope of one organization.
    ///
    /// # Errors
    /// As [`Caller::scope`].
    pub fn organization(&self, organization: Option<&Id>, field: &str) -> Result<Scope, Error> {
        let organization = organization.ok_or_else(|| Error::no_organization(field))?;
        // Noted before it is checked: a refusal is one of an organization, too.
        notes::organization(organization);
        match &self.grant.organizations {
            Organizations::Only(own) if !own.contains(organization) => return Err(Error::forbidden()),
            Organizations::Only(_) | Organizations::All(_) => {}
        }
        let Grant { documents, folders, .. } = &self.grant;
        let is_limited = documents.is_some() || folders.is_some();
        let limits = is_limited.then(|| Limits { documents: documents.clone(), folders: folders.clone() });
        let author = (self.authors_only && !self.grant.admin).then(|| Author { user: self.grant.user.clone() });
        Ok(Scope { organization: Some(organization.clone()), limits: limits.map(Arc::new), author })
    }

    /// The scope of what belongs to no organization and is seen by all: users recorded without one.
    #[must_use]
    pub fn everybody(&self) -> Scope {
        Scope { organization: None, limits: None, author: None }
    }

    /// The user that was verified; none for the app's backend, for an open stack, and for a token that names no user.
    #[must_use]
    pub fn user(&self) -> Option<&Id> {
        self.grant.user.as_ref()
    }

    /// Whether this is the app's backend, on a route of its own: it acts for any organization and author, and what it saves
    /// without an event is the whole thread.
    #[must_use]
    pub fn is_backend(&self) -> bool {
        self.is_backend
    }

    /// Whether this is an administrator, the app's backend, or anybody in an open stack.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.grant.admin
    }

    /// The organizations that this caller may see; none where it is all of them.
    #[must_use]
    pub fn organizations(&self) -> Option<Vec<Id>> {
        match &self.grant.organizations {
            Organizations::All(_) => None,
            Organizations::Only(own) => Some(own.iter().cloned().collect()),
        }
    }
}

/// The documents and folders that a caller's claims name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Limits {
    documents: Option<BTreeSet<Id>>,
    folders: Option<BTreeSet<Id>>,
}

/// Who writes, where only authors may change what they wrote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Author {
    /// The user of the claims; none may write nothing that has an author.
    pub(crate) user: Option<Id>,
}

/// The records of one organization, or of none, opened to one caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    organization: Option<Id>,
    limits: Option<Arc<Limits>>,
    author: Option<Author>,
}

impl Scope {
    /// The scope of a proof that this backend signed itself.
    pub(crate) fn signed(organization: Id) -> Self {
        notes::organization(&organization);
        Self { organization: Some(organization), limits: None, author: None }
    }

    /// The organization whose records these are.
    #[must_use]
    pub fn organization(&self) -> Option<&Id> {
        self.organization.as_ref()
    }

    /// Whether the caller's claims name documents or folders, so that each record's place counts.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.limits.is_some()
    }

    /// Who writes, where that counts.
    pub(crate) fn author(&self) -> Option<&Author> {
        self.author.as_ref()
    }

    /// Whether a record that stands there is the caller's to see.
    pub(crate) fn allows(&self, place: &Place) -> bool {
        let Some(limits) = &self.limits else { return true };
        let within = |own: &Option<BTreeSet<Id>>, id: &Option<Id>| {
            own.as_ref().is_none_or(|own| id.as_ref().is_some_and(|id| own.contains(id)))
        };
        within(&limits.documents, &place.document) && within(&limits.folders, &place.folder)
    }

    /// Refuses a place that is not the caller's.
    ///
    /// # Errors
    /// [`Error::forbidden`].
    pub fn check(&self, place: &Place) -> Result<(), Error> {
        if self.allows(place) { Ok(()) } else { Err(Error::forbidden()) }
    }

    /// Refuses documents or folders that are named and not the caller's; what is not named is decided by the records.
    fn check_named(&self, metadata: &Metadata) -> Result<(), Error> {
        self.check_asked(metadata.document_id.as_ref(), metadata.folder_id.as_ref())
    }

    /// Refuses a document or a folder that is asked for and not the caller's.
    ///
    /// # Errors
    /// [`Error::forbidden`].
    pub fn check_asked(&self, document: Option<&Id>, folder: Option<&Id>) -> Result<(), Error> {
        let Some(limits) = &self.limits else { return Ok(()) };
        let outside = |own: &Option<BTreeSet<Id>>, id: Option<&Id>| {
            own.as_ref().zip(id).is_some_and(|(own, id)| !own.contains(id))
        };
        if outside(&limits.documents, document) || outside(&limits.folders, folder) {
            return Err(Error::forbidden());
        }
        Ok(())
    }
}
