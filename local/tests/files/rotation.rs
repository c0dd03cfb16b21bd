//! The keys of links, in Secrets Manager.

use std::collections::HashMap;

use local::{Options, Server, functions};
use serde_json::{Value, json};
use shared::access::{Access, Gate};
use shared::setup::Setup;

use crate::support::{App, PNG, moto_url};

/// What a function of this setup answers to `GET` a link.
async fn status_of(setup: &Setup, link: &str) -> Value {
    let functions = functions(setup).unwrap();
    let get = functions.iter().find(|function| function.name == "files-get").unwrap();
    let path = &link[link.find("/files/").unwrap()..];
    let response = get.invoke(get.event(path, ""), "request".to_owned()).await.unwrap();
    serde_json::from_str::<Value>(&response).unwrap()["statusCode"].clone()
}

fn settings(server: &Server, secret: &str) -> HashMap<String, String> {
    let mut settings: HashMap<String, String> = server.environment.environment.clone().into_iter().collect();
    settings.insert("LINK_KEYS".to_owned(), String::new());
    settings.insert("LINK_KEYS_SECRET".to_owned(), secret.to_owned());
    settings.insert("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), moto_url());
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_signed_by_the_current_key_of_the_secret_and_outlive_it() {
    let app = App::embedded().await;
    let name = format!("links-{}", app.organization);
    let setup = Setup::new(settings(&app.server, &name)).unwrap();
    let secrets = aws_sdk_secretsmanager::Client::new(&setup.service("SECRETS_MANAGER"));
    let (one, two) = ("0123456789abcdef", "fedcba9876543210");
    secrets
        .create_secret()
        .name(&name)
        .secret_string(json!({ "current": "1", "1": one }).to_string())
        .send()
        .await
        .unwrap();

    let writer = <storage::FileWriter as shared::setup::Store>::open(&setup).unwrap();
    let request: storage::form::SaveAttachmentResolverRequest =
        serde_json::from_value(app.request(1, "a.png", "image/png")).unwrap();
    let caller = Gate::open(&setup).unwrap().caller(Access::Write, &http::HeaderMap::new(), None).unwrap();
    let file = request.describe(&caller, storage::Storage::Attachments, storage::form::Beside::default()).unwrap();
    let link = writer.save(&file, PNG.into()).await.unwrap().url;
    assert!(link.contains("/files/1."), "{link}");
    assert_eq!(status_of(&setup, &link).await, 302);

    let put = |keys: Value| secrets.put_secret_value().secret_id(&name).secret_string(keys.to_string()).send();
    put(json!({ "current": "2", "2": two, "1": one })).await.unwrap();
    let rotated = Setup::new(settings(&app.server, &name)).unwrap();
    assert_eq!(status_of(&rotated, &link).await, 302, "two keys are valid");
    put(json!({ "current": "2", "2": two })).await.unwrap();
    let withdrawn = Setup::new(settings(&app.server, &name)).unwrap();
    assert_eq!(status_of(&withdrawn, &link).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_can_carry_the_apps_own_domain() {
    let options = Options { settings: HashMap::new(), ..Options::default() };
    let app = App::with(options).await;
    let mut settings: HashMap<String, String> = app.server.environment.environment.clone().into_iter().collect();
    settings.insert("FILES_BASE_URL".to_owned(), "https://files.example.com/".to_owned());
    let setup = Setup::new(settings).unwrap();
    let functions = functions(&setup).unwrap();
    let save = functions.iter().find(|function| function.name == "attachments-save").unwrap();
    let event =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../events/attachments-save.json")).unwrap();
    let response: Value = serde_json::from_str(&save.invoke(event, "r".to_owned()).await.unwrap()).unwrap();
    let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    assert!(body["data"]["url"].as_str().unwrap().starts_with("https://files.example.com/files/local."), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_bounds_its_files_however_they_come() {
    let settings = HashMap::from([("MAX_ATTACHMENT_BYTES".to_owned(), "10".to_owned())]);
    let app = App::with(Options { settings, ..Options::default() }).await;
    let mut request = app.request(1, "a.txt", "text/plain");
    let form = |bytes: &'static [u8]| {
        let file = reqwest::multipart::Part::bytes(bytes).file_name("a.txt");
        reqwest::multipart::Form::new().part("file", file).text("request", request.to_string())
    };
    assert_eq!(app.post_form("attachments/save", form(b"0123456789")).await.0, 200);
    assert_eq!(app.post_form("attachments/save", form(b"0123456789a")).await.0, 413);
    assert_eq!(app.post_form("recordings/upload", form(b"0123456789a")).await.0, 200, "the other scope has its own");
    request["size"] = json!(11);
    assert_eq!(app.post("uploads/start", &request).await.0, 413);
}
