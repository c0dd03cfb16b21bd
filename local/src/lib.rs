//! The development server: every operation on one port, with embedded stores and AWS's own limits.
//!
//! A request becomes a real API Gateway event, passes through the same code as the deployed function's, and its answer
//! passes back through what the gateway and Lambda allow. What fails deployed fails on the desk.

pub mod auth;
mod event;
mod function;
mod gateway;
mod live;
mod loopback;
mod s3;
pub mod server;
mod store;

pub use auth::Auth;
pub use function::{Function, Route, TIMEOUT, functions};
pub use server::{Options, Server};
pub use store::Environment;
