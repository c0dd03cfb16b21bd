//! The Lambda function of [`uploads::Finish`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<uploads::Finish>().await
}
