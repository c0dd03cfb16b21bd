//! The Lambda function of [`comments::Save`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<comments::Save>().await
}
