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
            Ok(map) if !map.contains_key("userId") => {
                map.get(user.as_str()).is_some_and(|value| !matches!(value.text(), "false" | "null"))
                    || map.values().any(|entry| entry.is_object() && is_user(entry, user))
            }
            _ => is_user(users, user),
        }
    }
}

/// Whether this is the id of `user`, as text or as a number, or an object with that id.
fn is_user(entry: &Json, user: &Id) -> bool {
    let named = entry.read::<Fields>("").ok().and_then(|mut fields| fields.remove("userId"));
    let named = named.as_ref().unwrap_or(entry);
    named.read::<String>("").map_or(named.text() == user.as_str(), |id| id == user.as_str())
}
