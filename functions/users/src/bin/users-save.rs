//! The Lambda function of [`users::Save`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<users::Save>().await
}
