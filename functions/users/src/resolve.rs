use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id, present_ids};
use shared::limits;
use shared::operation::{Answer, Json, Operation};
use shared::scope::Caller;

use crate::{Source, comparable};

/// `users/resolve`: the user ids of emails, for mentions. Unknown emails are left out, and none is stored.
#[derive(Debug)]
pub struct Resolve;

/// `ResolveUserIdsByEmailRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolveUserIdsByEmailRequest {
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    /// Null, blank and repeated ones are left out.
    #[serde(deserialize_with = "present_ids")]
    emails: Vec<Id>,
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
        let distinct: BTreeSet<String> = request.emails.iter().filter_map(|email| comparable(email.as_str())).collect();
        Error::unless_within(limits::EMAILS, "emails", distinct.len())?;
        let known = source.ids_by_email(caller, &scope, distinct.into_iter().collect()).await?;
        let resolve =
            |email: &Id| Some((String::from(email.clone()), known.get(&comparable(email.as_str())?)?.clone()));
        let resolved: BTreeMap<String, Id> = request.emails.iter().filter_map(resolve).collect();
        let count = resolved.len();
        Ok(Answer::with(resolved, count))
    }
}
