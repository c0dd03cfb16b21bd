//! The Lambda function of [`attachments::Save`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<attachments::Save>().await
}
