//! The Lambda function of [`attachments::Delete`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<attachments::Delete>().await
}
