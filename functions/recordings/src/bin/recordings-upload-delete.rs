//! The Lambda function of [`recordings::UploadDelete`].

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    shared::lambda::run::<recordings::UploadDelete>().await
}
