//! The operations as a frontend meets them: over HTTP, with real embedded stores.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

mod program;
mod proxy;
mod support;

mod activity;
mod bad_input;
mod comments_big;
mod comments_delete;
mod comments_get;
mod comments_history;
mod comments_meaning;
mod comments_save;
mod cost;
mod cost_page;
mod cross_site;
mod doors;
mod exactness;
mod faults;
mod gateway;
mod inventory;
mod isolation;
mod late_retries;
mod lifetime;
mod limits;
mod logs;

mod notifications;
mod odd_requests;
mod outage;
mod reactions;
mod recordings;
mod rekey;
mod rules;
mod shapes;
mod start;
mod users;
