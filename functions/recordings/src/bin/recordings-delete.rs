//! The Lambda function of [`recordings::Delete`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<recordings::Delete>().await
}
