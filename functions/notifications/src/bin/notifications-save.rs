//! The Lambda function of [`notifications::Save`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<notifications::Save>().await
}
