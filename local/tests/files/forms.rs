//! Uploads in forms.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{App, PNG, link};

fn file(bytes: &[u8]) -> Part {
    Part::bytes(bytes.to_vec()).file_name("a.bin")
}

pub(crate) async fn both_styles_and_any_order_of_parts_store_the_bytes_exactly(app: App) {
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| u8::try_from(n % 256).unwrap()).chain(*b"\r\n--x\r\n\r\n").collect();
    let request = app.request(1, "a.bin", "application/x-own").to_string();
    let mut metadata = app.metadata();
    metadata["attachmentId"] = json!(1);
    let nested = json!({ "attachment": { "attachmentId": 1, "metadata": metadata } }).to_string();
    let metadata = metadata.to_string();
    let own = || Form::new().text("own", "part of the app");
    let forms = [
        own().part("file", file(&bytes)).text("request", request.clone()),
        own().text("request", request.clone()).part("file", file(&bytes)),
        own().text("metadata", metadata.clone()).part("file", file(&bytes)),
        own().part("file", file(&bytes)).text("metadata", metadata.clone()),
        own().text("metadata", metadata).part("file", file(&bytes)).text("request", request),
        own().text("request", nested).part("file", file(&bytes)),
    ];
    for form in forms {
        let (status, answer) = app.post_form("attachments/save", form).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(app.bytes(&link(&answer)).await, bytes);
    }
    assert_eq!(app.keys().await.len(), 1, "one content of one attachment is one object");
    let largest = vec![7; 4_500_000];
    let link = app.upload("attachments/save", &app.request(3, "", ""), &largest).await;
    assert_eq!(app.bytes(&link).await, largest);
    app.ok("attachments/delete", &json!({ "attachmentId": 3, "metadata": app.metadata() })).await;
    let empty = app.upload("attachments/save", &app.request(2, "", ""), b"").await;
    assert_eq!(app.bytes(&empty).await, b"");
}

pub(crate) async fn any_name_is_taken_and_comes_back(app: App) {
    let names = [
        "plain.png",
        "a \"b\" 'c'.png",
        "häagen 🎉.png",
        "../../etc/passwd",
        "a\\b/c:d*?.png",
        ".",
        "x".repeat(300).leak(),
    ];
    for (id, name) in (1..).zip(names) {
        let url = app.upload("attachments/save", &app.request(id, name, "image/png"), PNG).await;
        let path = url.strip_prefix(&app.server.url()).unwrap();
        assert!(path.is_ascii() && path.split('/').count() == 4 && !path.contains(".."), "{path}");
        let file = app.open(&url).await;
        let disposition = file.headers()["content-disposition"].to_str().unwrap().to_owned();
        let (_, encoded) = disposition.split_once("filename*=UTF-8''").unwrap();
        assert_eq!(percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap(), name);
        assert_eq!(file.bytes().await.unwrap(), PNG);
    }
    // Named by its part alone, and not at all.
    let request = || json!({ "attachment": { "attachmentId": 9 }, "metadata": app.metadata() }).to_string();
    let parts = [
        (file(PNG), "a.bin"),
        (Part::bytes(PNG).file_name(""), "file"),
        (Part::bytes(PNG).mime_str("image/png").unwrap(), "file"),
    ];
    for (part, name) in parts {
        let (_, answer) =
            app.post_form("attachments/save", Form::new().part("file", part).text("request", request())).await;
        let file = app.open(&link(&answer)).await;
        assert!(file.headers()["content-disposition"].to_str().unwrap().contains(&format!("\"{name}\"")), "{name}");
    }
}

pub(crate) async fn the_same_upload_twice_is_one_object_and_one_link(app: App) {
    for operation in ["attachments/save", "recordings/upload"] {
        let request = app.request(1, "a.png", "image/png");
        let first = app.upload(operation, &request, PNG).await;
        let again = futures::future::join_all((0..4).map(|_| app.upload(operation, &request, PNG))).await;
        assert!(again.iter().all(|link| *link == first));
    }
    assert_eq!(app.keys().await.len(), 2, "one in each bucket");
}

pub(crate) async fn another_content_is_another_object_and_both_stay_until_the_delete(app: App) {
    let request = app.request(1, "a.txt", "text/plain");
    let one = app.upload("attachments/save", &request, b"one").await;
    let two = app.upload("attachments/save", &request, b"two").await;
    assert_eq!((app.bytes(&one).await, app.bytes(&two).await), (b"one".to_vec(), b"two".to_vec()));
    app.ok("attachments/delete", &json!({ "attachmentId": 1, "metadata": app.metadata() })).await;
    assert_eq!(app.keys().await, Vec::<String>::new());
    assert_eq!(app.ask(&one).await.status(), StatusCode::NOT_FOUND);
}

pub(crate) async fn documents_organizations_and_scopes_keep_their_files_apart(app: App) {
    let mut links = Vec::new();
    let of = |organization: &str, document: Value| json!({ "organizationId": organization, "documentId": document });
    let other = format!("{}-other", app.organization);
    let places = [
        of(&app.organization, json!("d")),
        of(&app.organization, json!("e")),
        of(&app.organization, Value::Null),
        of(&other, json!("d")),
    ];
    for (index, metadata) in places.iter().enumerate() {
        for operation in ["attachments/save", "recordings/upload"] {
            let request = json!({ "attachment": { "attachmentId": 1 }, "metadata": metadata });
            let bytes = format!("{index} {operation}");
            links.push((app.upload(operation, &request, bytes.as_bytes()).await, bytes));
        }
    }
    app.ok("attachments/delete", &json!({ "attachmentId": "1", "metadata": places[0] })).await;
    for (index, (link, bytes)) in links.iter().enumerate() {
        if index == 0 {
            assert_eq!(app.ask(link).await.status(), StatusCode::NOT_FOUND);
        } else {
            assert_eq!(app.bytes(link).await, bytes.as_bytes(), "{bytes}");
        }
    }
}

pub(crate) async fn what_is_no_upload_is_refused_and_leaves_nothing(app: App) {
    let request = || app.request(1, "a.png", "image/png").to_string();
    let without = |path: &str| {
        let mut request = app.request(1, "a.png", "image/png");
        request
            .pointer_mut(path.rsplit_once('/').unwrap().0)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(path.rsplit_once('/').unwrap().1);
        request.to_string()
    };
    let with = |path: &str, value: Value| {
        let mut request = app.request(1, "a.png", "image/png");
        *request.pointer_mut(path).unwrap() = value;
        request.to_string()
    };
    let form = |text: String| Form::new().part("file", file(PNG)).text("request", text);
    let refused = [
        (Form::new().text("request", request()), 400, "file: "),
        (Form::new().text("file", "text").text("request", request()), 400, "file: "),
        (Form::new().part("file", file(PNG)).part("file", file(PNG)).text("request", request()), 400, "file: "),
        (Form::new().part("file", file(PNG)), 400, "request: "),
        (form("not json".to_owned()), 400, "request: "),
        (form("[]".to_owned()), 400, "request: "),
        (form("{\"attachment\":\"\\u0000\"}".to_owned()), 400, "request.attachment: "),
        (form(without("/attachment/attachmentId")), 400, "request.attachment.attachmentId: "),
        (form(with("/attachment/attachmentId", json!({ "$ne": "" }))), 400, "request.attachment.attachmentId: "),
        (form(with("/attachment", json!([1, "a"]))), 400, "request.attachment: "),
        (form(with("/attachment/mimeType", json!("image/png\r\nx: y"))), 400, "attachment.mimeType: "),
        (form(without("/metadata/organizationId")), 400, "request.metadata.organizationId: "),
        (form(with("/metadata/organizationId", json!(7))), 400, "request.metadata.organizationId: "),
        (Form::new().part("file", file(&vec![0; 4_500_001])).text("request", request()), 413, "file: "),
        (Form::new().part("file", file(&vec![0; 7 * 1024 * 1024])).text("request", request()), 413, ""),
        (Form::new().part("file", file(&vec![0; 11 * 1024 * 1024])).text("request", request()), 413, ""),
    ];
    for (index, (form, status, field)) in refused.into_iter().enumerate() {
        let (found, answer) = app.post_form("attachments/save", form).await;
        assert_eq!(found.as_u16(), status, "{index}: {answer}");
        assert!(answer["message"].as_str().unwrap().starts_with(field), "{index}: {answer}");
        if status == 413 {
            assert!(answer["error"].as_str().unwrap().contains("uploads/start"), "{answer}");
        }
    }
    let url = format!("{}/api/velt/attachments/save", app.server.url());
    for (kind, status) in
        [("application/json", 415), ("multipart/form-data", 400), ("multipart/form-data; boundary=x", 400)]
    {
        let post = app.http.request(Method::POST, &url).header("content-type", kind).body("--x\r\nbroken");
        assert_eq!(post.send().await.unwrap().status(), status, "{kind}");
    }
    assert_eq!(app.keys().await, Vec::<String>::new());
}
