//! The Lambda function of [`users::Resolve`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<users::Resolve>().await
}
