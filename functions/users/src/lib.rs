//! The user provider and the anonymous user provider: one Lambda function an operation; see `src/bin`.
//!
//! Users come from this stack's own table, which the app's backend fills by `users-save`, or from a table that the company
//! has already ([`directory`]).

mod delete;
pub mod directory;
mod get;
mod resolve;
mod save;
mod source;

pub use delete::Delete;
pub use get::Get;
pub use resolve::Resolve;
pub use save::Save;
use shared::contract::Id;
use shared::digest::sha256;
use shared::records::{Authors, Feature};
pub use source::Source;

/// Users. One is found by its id in every organization at once (as its document), and by its email (as its folder).
pub const USERS: Feature =
    Feature { name: "users", crosses_organizations: true, in_documents: false, authors: Authors::Unknown };

/// What an email is found by: a digest of it in lower case, so that no key, log or metric of AWS holds an address. An empty
/// one is none.
fn email_key(email: &str) -> Option<Id> {
    let email = email.trim();
    if email.is_empty() {
        return None;
    }
    Id::try_from(sha256(&email.to_lowercase())).ok()
}
