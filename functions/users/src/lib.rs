//! The user provider and the anonymous user provider: one Lambda function an operation; see `src/bin`.
//!
//! Users come from this stack's own table, which the app's backend fills by `users-save`, or from a table that the company
//! has already ([`directory`]).

mod delete;
pub mod directory;
mod get;
mod list;
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
use unicode_normalization::UnicodeNormalization as _;

/// Users. One is found by its id in every organization at once (as its document), and by its email (as its folder). A
/// deleted one is made anew by the next save: only the app's backend saves users, and saving one again is its decision.
pub const USERS: Feature =
    Feature { name: "users", crosses_organizations: true, in_documents: false, authors: Authors::Unknown };

/// An email as it is compared: without surrounding white space, in lower case and in Unicode's normalization form C, as
/// mail servers and keyboards write one address in several ways. None if nothing is left of it.
fn comparable(email: &str) -> Option<String> {
    let email: String = email.trim().to_lowercase().nfc().collect();
    (!email.is_empty()).then_some(email)
}

/// What an email is found by: a digest of its comparable form, so that no key, log or metric of AWS holds an address.
fn email_key(email: &str) -> Option<Id> {
    Id::try_from(sha256(&comparable(email)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_key_however_it_is_written() {
        for (one, other) in [
            ("ann@example.com", " ANN@Example.COM\t"),
            ("jose\u{301}@example.com", "jos\u{e9}@example.com"),
            ("JOSE\u{301}@example.com", "jos\u{e9}@EXAMPLE.com"),
            ("\u{c5}sa@example.com", "a\u{30a}sa@example.com"),
            ("\u{212b}sa@example.com", "\u{e5}sa@example.com"),
            ("\u{1112}\u{1161}\u{11ab}@example.com", "\u{d55c}@example.com"),
        ] {
            assert!(email_key(one).is_some());
            assert_eq!(email_key(one), email_key(other), "{one} {other}");
        }
        assert_ne!(email_key("jose@example.com"), email_key("jos\u{e9}@example.com"));
        assert_eq!(email_key(" \u{2003}\n"), None);
    }
}
