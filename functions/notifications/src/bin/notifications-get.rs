//! The Lambda function of [`notifications::Get`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<notifications::Get>().await
}
