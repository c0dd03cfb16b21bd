//! Who may do what: every operation against every kind of caller, over HTTP, through the very authorizer.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here says where")]

mod agents;
mod authorizer;
mod authors;
mod backend;
mod documents;
mod every_operation;
mod jwks;
mod notifications;
mod support;
mod tenants;
