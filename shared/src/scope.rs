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
        Ok(Scope { organization: organization.clone() })
    }
}

/// The records of one organization, opened to one caller.
#[derive(Clone, Debug)]
pub struct Scope {
    organization: Id,
}

impl Scope {
    /// The organization whose records these are.
    #[must_use]
    pub fn organization(&self) -> &Id {
        &self.organization
    }
}
