//! Operations on whole documents, for the app's backend: one Lambda function per operation; see `src/bin`.

mod rekey;

pub use rekey::Rekey;
