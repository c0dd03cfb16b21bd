//! The notification provider: one Lambda function an operation; see `src/bin`.
//!
//! Velt asks for custom notifications and never writes them: `notifications-save` is for the app's own backend.

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::operation::{Answer, Json, Operation};
use shared::payload::{self, Names, Records};
use shared::provider::{self, Payloads};
use shared::records::change::{Move, Rule};
use shared::records::{Authors, Feature, Filter, Reader, Writer};
use shared::scope::Caller;

/// Custom notifications.
pub const NOTIFICATIONS: Feature =
    Feature { name: "notifications", crosses_organizations: false, in_documents: false, authors: Authors::Unknown };

const NAMES: Names =
    Names { records: "notifications", id: "notificationId", organization: "organizationId", own_metadata: false };

/// `notifications/get`: notifications by their ids, within the request's own organization.
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
    type Store = Reader;
    type Request = Json<GetNotificationResolverRequest>;
    type Answer = Answer<Payloads>;

    async fn run(reader: &Reader, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "organizationId")?;
        let filter = Filter { ids: request.notification_ids, ..Filter::default() };
        provider::get(reader, &NOTIFICATIONS, &scope, &filter).await
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
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let (scope, mut notifications) = payload::open(caller, &metadata, request.notifications, &NAMES)?;
        for notification in &mut notifications {
            // It is for a user, wherever what it tells of stands.
            (notification.document, notification.folder) = (Move::Keep, Move::Keep);
        }
        provider::save(writer, &NOTIFICATIONS, &scope, notifications, Rule::Set).await
    }
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
