//! The Lambda function of [`notifications::Delete`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<notifications::Delete>().await
}
