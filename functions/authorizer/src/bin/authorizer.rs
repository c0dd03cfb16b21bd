//! The Lambda function of [`authorizer::Authorizer`].

use std::error::Error as _;

use authorizer::{Authorizer, Refusal};
use lambda_http::lambda_runtime::{LambdaEvent, run, service_fn};
use shared::setup::Setup;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::log_to_stdout();
    let authorizer = &Authorizer::open(&Setup::from_env()?).unwrap_or_else(|error| {
        let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        tracing::error!(operation = "authorizer", code = Refusal::NotConfigured.code(), cause = %format!("{error}{why}"));
        Authorizer::closed()
    });
    let answer = |event: LambdaEvent<_>| authorizer.answer(event.payload, event.context.request_id);
    run(service_fn(answer)).await
}
