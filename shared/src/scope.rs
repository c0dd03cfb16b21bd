//! Who calls, and what they may touch. A [`Scope`] is the only way to name a record, and only a [`Caller`] makes one.

use crate::Error;
use crate::contract::Id;

/// Who sent a request, as far as the gateway verified it.
#[derive(Clone, Debug)]
pub struct Caller(());

impl Caller {
    /// The caller of a stack without an authorizer: anybody, for every organization.
    #[must_use]
    pub fn open() -> Self {
        Self(())
    }

    /// The scope of one organization.
    ///
    /// `field` is where the request should have named it, for the message.
    ///
    /// # Errors
    /// The request names no organization.
    pub fn organization(&self, organization: Option<&Id>, field: &str) -> Result<Scope, Error> {
        let organization = organization.ok_or_else(|| Error::no_organization(field))?;
        Ok(Scope { organization: Some(organization.clone()) })
    }

    /// The scope of what belongs to no organization and is seen by all: users recorded without one.
    #[must_use]
    pub fn everybody(&self) -> Scope {
        Scope { organization: None }
    }

    /// The organizations that this caller may see; none where it is all of them.
    #[must_use]
    pub fn organizations(&self) -> Option<Vec<Id>> {
        None
    }
}

/// The records of one organization, or of none, opened to one caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    organization: Option<Id>,
}

impl Scope {
    /// The organization whose records these are.
    #[must_use]
    pub fn organization(&self) -> Option<&Id> {
        self.organization.as_ref()
    }
}
