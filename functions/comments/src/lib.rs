//! The comment provider: threads (Velt calls them comment annotations) and the comments in them.
//!
//! Each operation is a Lambda function of its own; see `src/bin`.

mod delete;
mod get;
mod meaning;
mod save;
mod thread;

pub use delete::Delete;
pub use get::Get;
pub use save::Save;
use shared::records::{Authors, Feature};

/// Threads. A deleted one is remembered, so that a stale view of it can't bring its comments back.
pub const COMMENTS: Feature =
    Feature { name: "comments", crosses_organizations: false, in_documents: true, authors: Authors::Comments };
