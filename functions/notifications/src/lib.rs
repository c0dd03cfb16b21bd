//! The notification provider: one Lambda function an operation; see `src/bin`.
//!
//! Velt asks for custom notifications and never writes them: `notifications-save` is for the app's own backend.

mod inbox;

pub use inbox::{Inbox, NOTIFICATION_USERS_FIELD};
use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::json::Fields;
use shared::operation::{Answer, Json, Operation};
use shared::payload::{self, Names, Records};
use shared::provider::{self, Asked, Payloads};
use shared::records::change::{Move, Rule};
use shared::records::{Authors, Feature, Writer};
use shared::scope::Caller;

/// Custom notifications.
pub const NOTIFICATIONS: Feature =
    Feature { name: "notifications", crosses_organizations: false, in_documents: true, authors: Authors::Unknown };

const NAMES: Names =
    Names { records: "notifications", id: "notificationId", organization: "organizationId", own_metadata: false };

/// `notifications/get`: notifications by their ids, within the request's own organization. Without ids it answers the
/// notifications that name the caller, and to an administrator all of them.
#[derive(Debug)]
pub struct Get;

/// `GetNotificationResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetNotificationResolverRequest {
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    notification_ids: Option<Vec<Id>>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
}

impl Operation for Get {
    const NAME: &'static str = "notifications-get";
    const ACCESS: Access = Access::Read;
    const PATH: &'static str = "/api/velt/notifications/get";
    type Store = Inbox;
    type Request = Json<GetNotificationResolverRequest>;
    type Answer = Answer<Payloads>;

    async fn run(inbox: &Inbox, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "organizationId")?;
        let of_caller = request.notification_ids.is_none() && !caller.is_admin();
        let asked = Asked { ids: request.notification_ids, ..Asked::default() };
        let mut answer = provider::get(&inbox.reader, &NOTIFICATIONS, &NAMES, &scope, asked).await?;
        if of_caller && let Some(notifications) = &mut answer.data {
            notifications.retain(|_, notification| inbox.is_for(caller.user(), notification));
            answer.records = notifications.len();
        }
        Ok(answer)
    }
}

/// `notifications/save`: merges notifications into what is stored, field by field. For the app's backend only.
#[derive(Debug)]
pub struct Save;

/// The notifications to store, by their ids. Velt has no type for it: it never sends one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveNotificationsRequest {
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default, deserialize_with = "optional_id")]
    document_id: Option<Id>,
    notifications: Records,
}

impl Operation for Save {
    const NAME: &'static str = "notifications-save";
    const ACCESS: Access = Access::Backend;
    const PATH: &'static str = "/api/velt/notifications/save";
    type Store = Writer;
    type Request = Json<SaveNotificationsRequest>;
    type Answer = Answer<()>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?.in_document(request.document_id)?;
        let (scope, mut notifications) = payload::open(caller, &metadata, &request.notifications, &NAMES)?;
        for notification in &mut notifications {
            if let Some(document) = place_of(&notification.fields, "documentId") {
                notification.document = Move::Set(Some(document));
            }
            if let Some(folder) = place_of(&notification.fields, "folderId") {
                notification.folder = Move::Set(Some(folder));
            }
        }
        provider::save(writer, &NOTIFICATIONS, &scope, notifications, &Rule::Set).await
    }
}

/// The document or the folder that a notification is about, if it says so: in its `metadata`, at its top, or in
/// `notificationSourceData`, as in Velt's docs. They are the app's own fields, so that whatever else stands there is kept.
fn place_of(notification: &Fields, name: &str) -> Option<Id> {
    let within = |part: &str| notification.get(part)?.read::<Fields>("").ok()?.remove(name);
    let said = [within("metadata"), notification.get(name).cloned(), within("notificationSourceData")];
    said.into_iter().flatten().find_map(|id| id.read::<Id>("").ok())
}

/// `notifications/delete`: deletes a notification. One that is gone is deleted already.
#[derive(Debug)]
pub struct Delete;

/// `DeleteNotificationResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteNotificationResolverRequest {
    notification_id: Id,
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
}

impl Operation for Delete {
    const NAME: &'static str = "notifications-delete";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/notifications/delete";
    type Store = Writer;
    type Request = Json<DeleteNotificationResolverRequest>;
    type Answer = Answer<()>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "organizationId")?;
        writer.delete(&NOTIFICATIONS, &scope, &request.notification_id).await?;
        Ok(Answer::done(1))
    }
}
