use shared::contract::Id;
use shared::json::{Fields, Json};
use shared::records::Reader;
use shared::setup::{Setup, SetupError, Store};

/// The setting with the field of a notification that names whom it is for.
pub const NOTIFICATION_USERS_FIELD: &str = "NOTIFICATION_USERS_FIELD";

/// The field without that setting, which is Velt's.
const NOTIFY_USERS: &str = "notifyUsers";

/// Notifications, and how they name whom they are for.
#[derive(Debug)]
pub struct Inbox {
    pub(crate) reader: Reader,
    users_field: String,
}

impl Store for Inbox {
    fn open(setup: &Setup) -> Result<Self, SetupError> {
        let users_field = setup.setting(NOTIFICATION_USERS_FIELD).filter(|name| !name.is_empty());
        Ok(Self { reader: Reader::open(setup)?, users_field: users_field.unwrap_or(NOTIFY_USERS).to_owned() })
    }
}

impl Inbox {
    /// Whether a notification names `user`.
    ///
    /// The field holds users, as in a request to Velt: a list of `{ userId }` or of ids; or it is a map by user ids, of
    /// which those don't count that are `false` or null.
    pub(crate) fn is_for(&self, user: Option<&Id>, notification: &Fields) -> bool {
        let (Some(user), Some(users)) = (user, notification.get(&self.users_field)) else { return false };
        if let Ok(list) = users.read::<Vec<Json>>("") {
            return list.iter().any(|entry| is_user(entry, user));
        }
        match users.read::<Fields>("") {
            Ok(map) if !map.contains_key("userId") => map.iter().any(|(id, entry)| match entry.text() {
                "false" | "null" => false,
                _ if user_of(entry).is_some() => is_user(entry, user),
                _ => id == user.as_str(),
            }),
            _ => is_user(users, user),
        }
    }
}

/// Whether this is the id of `user`, as text or as a number, or an object with that id.
fn is_user(entry: &Json, user: &Id) -> bool {
    let named = user_of(entry);
    let named = named.as_ref().unwrap_or(entry);
    let is_number = named.text().starts_with(|first: char| first == '-' || first.is_ascii_digit());
    named.read::<String>("").map_or(is_number && named.text() == user.as_str(), |id| id == user.as_str())
}

/// The field of an object that says whose entry it is.
fn user_of(entry: &Json) -> Option<Json> {
    entry.read::<Fields>("").ok()?.remove("userId")
}
