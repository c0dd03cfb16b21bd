//! What is deployed, held against what runs here: the template, the sample events, the binaries under `cargo lambda`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here says where")]

mod cargo_lambda;
mod events;
mod gateway;
mod one_list;
mod support;
mod table;
mod template;
