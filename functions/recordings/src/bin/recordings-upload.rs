//! The Lambda function of [`recordings::Upload`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<recordings::Upload>().await
}
