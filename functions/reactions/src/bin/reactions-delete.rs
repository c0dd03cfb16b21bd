//! The Lambda function of [`reactions::Delete`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<reactions::Delete>().await
}
