//! The Lambda function of [`uploads::Start`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<uploads::Start>().await
}
