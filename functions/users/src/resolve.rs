use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::limits;
use shared::operation::{Answer, Json, Operation};
use shared::scope::Caller;

use crate::Source;

/// `users/resolve`: the user ids of emails, for mentions. Unknown emails are left out, and none is stored.
#[derive(Debug)]
pub struct Resolve;

/// `ResolveUserIdsByEmailRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolveUserIdsByEmailRequest {
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    emails: Vec<String>,
    /// Where the mention stands makes no difference to whom it means, but must be the caller's.
    #[serde(default, deserialize_with = "optional_id")]
    document_id: Option<Id>,
    #[serde(default, deserialize_with = "optional_id")]
    folder_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
}

impl Operation for Resolve {
    const NAME: &'static str = "users-resolve";
    const ACCESS: Access = Access::Read;
    const PATH: &'static str = "/api/velt/users/resolve";
    type Store = Source;
    type Request = Json<ResolveUserIdsByEmailRequest>;
    type Answer = Answer<BTreeMap<String, Id>>;

    async fn run(source: &Source, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "organizationId")?;
        scope.check_asked(request.document_id.as_ref(), request.folder_id.as_ref())?;
        Error::unless_within(limits::EMAILS, "emails", request.emails.len())?;
        let distinct: BTreeSet<String> = request.emails.iter().map(|email| email.to_lowercase()).collect();
        let known = source.ids_by_email(caller, &scope, distinct.into_iter().collect()).await?;
        let resolved: BTreeMap<String, Id> = request
            .emails
            .into_iter()
            .filter_map(|email| known.get(&email.to_lowercase()).cloned().map(|id| (email, id)))
            .collect();
        let count = resolved.len();
        Ok(Answer::with(resolved, count))
    }
}
