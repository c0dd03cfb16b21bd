//! A server of a test's own, and uploads that read like uploads.

use std::sync::OnceLock;

use aws_sdk_s3::Client;
use local::{Options, Server};
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::moto::Moto;

pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";

/// The URL of a moto server for all tests of this program.
pub(crate) fn moto_url() -> String {
    static SERVER: OnceLock<Moto> = OnceLock::new();
    SERVER.get_or_init(|| Moto::start("server.py")).ready.clone()
}

pub(crate) struct App {
    pub(crate) server: Server,
    pub(crate) http: reqwest::Client,
    /// An organization of the test's own: the S3 may be shared.
    pub(crate) organization: String,
    /// Whether S3 itself holds uploads to what was signed, which moto does not.
    pub(crate) is_strict: bool,
}

impl App {
    pub(crate) async fn embedded() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn by_moto() -> Self {
        Self::with(Options { s3_endpoint: Some(moto_url()), ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let is_strict = options.s3_endpoint.is_none();
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        // Short enough to stand in a key as it is.
        let organization = format!("acme{}", fastrand::u64(..));
        Self { server: Server::start(options).await.unwrap(), http, organization, is_strict }
    }

    pub(crate) fn metadata(&self) -> Value {
        json!({ "organizationId": self.organization, "documentId": "doc" })
    }

    /// Velt's request for an attachment.
    pub(crate) fn request(&self, id: u32, name: &str, kind: &str) -> Value {
        json!({
            "attachment": { "attachmentId": id, "name": name, "mimeType": kind },
            "metadata": self.metadata(),
            "event": "attachment.add",
        })
    }

    fn url(&self, operation: &str) -> String {
        format!("{}/api/velt/{operation}", self.server.url())
    }

    pub(crate) async fn post(&self, operation: &str, body: &Value) -> (StatusCode, Value) {
        read(self.http.post(self.url(operation)).json(body).send().await.unwrap()).await
    }

    pub(crate) async fn post_form(&self, operation: &str, form: Form) -> (StatusCode, Value) {
        read(self.http.post(self.url(operation)).multipart(form).send().await.unwrap()).await
    }

    /// Uploads by a form, as Velt's SDK does; the link.
    pub(crate) async fn upload(&self, operation: &str, request: &Value, bytes: &[u8]) -> String {
        let file = Part::bytes(bytes.to_vec()).file_name("blob").mime_str("application/octet-stream").unwrap();
        let form = Form::new().part("file", file).text("request", request.to_string());
        let (status, answer) = self.post_form(operation, form).await;
        assert_eq!((status, &answer["success"]), (StatusCode::OK, &json!(true)), "{answer}");
        link(&answer)
    }

    pub(crate) async fn ok(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = self.post(operation, body).await;
        assert_eq!(status, StatusCode::OK, "{operation}: {answer}");
        answer["data"].clone()
    }

    /// Asks a link, without following it.
    pub(crate) async fn ask(&self, link: &str) -> Response {
        self.http.get(link).send().await.unwrap()
    }

    /// Reads a link to its end, as a browser does.
    pub(crate) async fn open(&self, link: &str) -> Response {
        let answer = self.ask(link).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "{link}");
        let file = self.http.get(answer.headers()["location"].to_str().unwrap()).send().await.unwrap();
        assert_eq!(file.status(), StatusCode::OK);
        file
    }

    pub(crate) async fn bytes(&self, link: &str) -> Vec<u8> {
        self.open(link).await.bytes().await.unwrap().to_vec()
    }

    /// The keys of the organization's objects in all buckets.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let setup = self.server.setup();
        let config = aws_sdk_s3::config::Builder::from(&setup.service("S3")).force_path_style(true).build();
        let client = Client::from_conf(config);
        let mut keys = Vec::new();
        for bucket in ["ATTACHMENTS_BUCKET", "RECORDINGS_BUCKET"] {
            let list = client.list_objects_v2().bucket(setup.setting(bucket).unwrap()).send().await.unwrap();
            keys.extend(list.contents().iter().filter_map(|object| object.key()).map(ToOwned::to_owned));
        }
        keys.retain(|key| key.contains(&self.organization));
        keys
    }
}

/// The link of a success.
pub(crate) fn link(answer: &Value) -> String {
    answer["data"]["url"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    assert_eq!(answer["statusCode"], status.as_u16());
    (status, answer)
}
