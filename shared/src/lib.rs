//! What every function of the bundle shares.
//!
//! An operation ([`operation::Operation`]) is an async function from a typed request to a typed answer. It knows
//! neither HTTP nor Lambda: [`edge`] turns an HTTP request into the operation's request and its answer into a
//! response, and [`lambda::run`] is the whole of a function's `main`. Who may touch what is decided in [`access`] and [`scope`], which
//! is the only way to name a record; [`records`] keeps records in DynamoDB.

pub mod access;
pub mod audit;
pub mod aws;
pub mod cached;
pub mod contract;
pub mod digest;
pub mod edge;
pub mod envelope;
pub mod error;
pub mod events;
pub mod gateway;
pub mod json;
pub mod lambda;
pub mod limits;
pub mod line;
pub mod media_type;
pub mod notes;
pub mod operation;
pub mod origin;
pub mod payload;
pub mod provider;
pub mod records;
pub mod scope;
pub mod setup;
pub mod signed;

pub use error::Error;
