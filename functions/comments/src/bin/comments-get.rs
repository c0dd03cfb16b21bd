//! The Lambda function of [`comments::Get`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<comments::Get>().await
}
