//! The Lambda function of [`reactions::Get`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<reactions::Get>().await
}
