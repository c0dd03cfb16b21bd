//! The Lambda function of [`files::Get`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<files::Get>().await
}
