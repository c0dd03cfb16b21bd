//! The Lambda function of [`recordings::Save`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<recordings::Save>().await
}
