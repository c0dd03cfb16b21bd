//! Who may do what: every operation against every kind of caller, over HTTP, through the very authorizer.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

mod authorizer;
mod authors;
mod documents;
mod every_operation;
mod support;
mod tenants;
