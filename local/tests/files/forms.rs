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
        "x".repeat(255).leak(),
        "写真.png",
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

pub(crate) async fn long_and_deceiving_names_are_cut_and_their_links_work(app: App) {
    let names = [
        ("写".repeat(255) + ".png", ".png"),
        ("🎉".repeat(2_000) + ".jpeg", ".jpeg"),
        ("x".repeat(70_000) + ".webm", ".webm"),
        ("é".repeat(70_000), "é"),
        ("%\"<".repeat(5_000) + ".gif", ".gif"),
        ("invoice\u{202e}gnp.exe".to_owned(), "invoicegnp.exe"),
        ("\u{2066}\u{200f}\r\n".to_owned(), "file"),
    ];
    for (id, (name, end)) in (1..).zip(&names) {
        let url = app.upload("attachments/save", &app.request(id, name, "image/png"), PNG).await;
        let answer = app.ask(&url).await;
        assert!(url.len() < 500 && answer.headers()["location"].len() < 4_000, "{}", url.len());
        let file = app.open(&url).await;
        let disposition = file.headers()["content-disposition"].to_str().unwrap().to_owned();
        let (_, encoded) = disposition.split_once("filename*=UTF-8''").unwrap();
        let served = percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap();
        assert!(served.len() <= 255 && served.ends_with(end), "{served}");
        assert_eq!(file.bytes().await.unwrap(), PNG);
        let mut request = app.request(id, name, "image/png");
        request["size"] = json!(PNG.len());
        assert_eq!(app.ok("uploads/start", &request).await["method"], "POST");
    }
}

/// A form as some clients write it: `headers` are those of the part with the file.
async fn save_raw(app: &App, headers: &str, request: &Value) -> (StatusCode, Value) {
    let mut body =
        format!("--x\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n{request}\r\n--x\r\n{headers}\r\n\r\n");
    body.push_str("@\r\n--x--\r\n");
    let (start, end) = body.split_once('@').unwrap();
    let body = [start.as_bytes(), PNG, end.as_bytes()].concat();
    let post = app.http.post(format!("{}/api/velt/attachments/save", app.server.url()));
    let answer = post.header("content-type", "multipart/form-data; boundary=x").body(body).send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap())
}

pub(crate) async fn a_part_is_a_file_however_its_headers_are_written(app: App) {
    let request = json!({ "attachment": { "attachmentId": 1 }, "metadata": app.metadata() });
    let disposition = "Content-Disposition: form-data; name=\"file\"";
    for (headers, name, kind) in [
        (format!("{disposition}; filename*=UTF-8''%E5%86%99%E7%9C%9F.png"), "写真.png", "application/octet-stream"),
        (
            format!("{disposition}; filename=\"x.png\"; filename*=utf-8''a%20b.png"),
            "a b.png",
            "application/octet-stream",
        ),
        (format!("{disposition}; filename=plain.png\r\nContent-Type: image/png"), "plain.png", "image/png"),
        (format!("{disposition}\r\nContent-Type: image/png; codecs=vp8,opus"), "file", "image/png"),
        (format!("{disposition}; filename*=bad\r\nContent-Type: text/html;charset"), "file", "text/html"),
    ] {
        let (status, answer) = save_raw(&app, &headers, &request).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let file = app.open(&link(&answer)).await;
        let disposition = file.headers()["content-disposition"].to_str().unwrap().to_owned();
        let (_, encoded) = disposition.split_once("filename*=UTF-8''").unwrap();
        assert_eq!(percent_encoding::percent_decode_str(encoded).decode_utf8().unwrap(), name);
        assert_eq!(file.headers()["content-type"], kind, "{headers}");
    }
    for kind in ["", "png", "image/png, text/html"] {
        let (status, answer) =
            save_raw(&app, &format!("{disposition}; filename=a\r\nContent-Type: {kind}"), &request).await;
        let wanted = if kind.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(status, wanted, "{kind}: {answer}");
        assert!(kind.is_empty() || answer["message"].as_str().unwrap().starts_with("file: "), "{answer}");
    }
}

/// The function style of Velt's docs may send `attachmentId: null`.
pub(crate) async fn an_attachment_without_an_id_gets_one(app: App) {
    let form = |bytes: &'static [u8], name: &str| {
        let mut metadata = app.metadata();
        metadata["attachmentId"] = Value::Null;
        Form::new().part("file", Part::bytes(bytes).file_name(name.to_owned())).text("metadata", metadata.to_string())
    };
    let upload = async |bytes, name| {
        let (status, answer) = app.post_form("recordings/upload", form(bytes, name)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        (answer["data"]["attachmentId"].as_u64().unwrap(), link(&answer))
    };
    let (id, url) = upload(b"one", "a.webm").await;
    assert!(id < 1 << 53);
    assert_eq!(upload(b"one", "a.webm").await, (id, url.clone()), "a retry is the same upload");
    let (other, second) = upload(b"two", "a.webm").await;
    assert_ne!(other, id);
    app.ok("recordings/upload/delete", &json!({ "attachmentId": id, "metadata": app.metadata() })).await;
    assert_eq!(app.ask(&url).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(app.bytes(&second).await, b"two");
}

pub(crate) async fn ids_that_no_link_can_hold_are_refused(app: App) {
    let form = |request: String| Form::new().part("file", file(PNG)).text("request", request);
    for (path, value, field) in [
        ("/attachment/attachmentId", json!("7".repeat(9_000)), "request.attachment.attachmentId: "),
        ("/metadata/documentId", json!("d".repeat(50_000)), "request.metadata.documentId: "),
        ("/metadata/organizationId", json!("\u{1}".repeat(2_000)), "request.metadata.organizationId: "),
    ] {
        let mut request = app.request(1, "a.png", "image/png");
        *request.pointer_mut(path).unwrap() = value;
        let (status, answer) = app.post_form("attachments/save", form(request.to_string())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert!(answer["message"].as_str().unwrap().starts_with(field), "{answer}");
    }
    let digits = app
        .request(1, "a.png", "image/png")
        .to_string()
        .replace("\"attachmentId\":1", &format!("\"attachmentId\":{}", "7".repeat(500_000)));
    assert_eq!(app.post_form("attachments/save", form(digits)).await.0, StatusCode::BAD_REQUEST);
    let mut longest = app.request(1, "a.png", "image/png");
    longest["metadata"]["documentId"] = json!("d".repeat(4_400));
    let url = app.upload("attachments/save", &longest, PNG).await;
    assert_eq!(app.bytes(&url).await, PNG);
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
