//! The Lambda function of [`documents::Rekey`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<documents::Rekey>().await
}
