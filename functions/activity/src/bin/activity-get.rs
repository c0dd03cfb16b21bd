//! The Lambda function of [`activity::Get`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<activity::Get>().await
}
