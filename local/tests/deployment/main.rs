//! What is deployed, held against what runs here: the template, the sample events, the binaries under `cargo lambda`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here says where")]

mod cargo_lambda;
mod events;
mod frontend;
mod gateway;
mod guide;
mod limits;
mod monitoring;
#[path = "../moto/mod.rs"]
mod moto;
mod one_list;
mod parameters;
mod stack;
mod support;
mod table;
mod template;
mod throttles;
mod watch;
