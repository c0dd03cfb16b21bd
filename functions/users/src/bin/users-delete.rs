//! The Lambda function of [`users::Delete`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<users::Delete>().await
}
