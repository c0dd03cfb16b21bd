//! Callers who are limited to documents.

use serde_json::{Value, json};

use crate::support::{App, claims, token, with};

/// The providers whose records stand in documents: their names, and those of their records, of a record's id and of ids.
const PROVIDERS: [(&str, &str, &str, &str, Option<&str>); 4] = [
    ("comments", "commentAnnotation", "annotationId", "commentAnnotationIds", Some("commentAnnotationId")),
    ("reactions", "reactionAnnotation", "annotationId", "reactionAnnotationIds", Some("reactionAnnotationId")),
    ("recordings", "recorderAnnotation", "annotationId", "recorderAnnotationIds", Some("recorderAnnotationId")),
    ("activity", "activity", "id", "activityIds", None),
];

fn save(records: &str, id: &str, document: &Value) -> Value {
    json!({ records: { id: { "x": id } }, "metadata": { "organizationId": "acme", "documentId": document } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_elsewhere_is_not_there_for_them() {
    let app = App::start().await;
    let all = token(&claims(&json!("acme")));
    let limited = token(&with(claims(&json!("acme")), "documents", json!(["mine"])));
    for (name, records, own_id, ids, delete_id) in PROVIDERS {
        let operation = |operation: &str| format!("{name}/{operation}");
        for (id, document) in [("m", json!("mine")), ("o", json!("other")), ("n", json!(null))] {
            app.ok(&all, &operation("save"), &save(records, id, &document)).await;
        }
        let everything = app.ok(&all, &operation("get"), &json!({ "organizationId": "acme" })).await;
        assert_eq!(everything.as_object().unwrap().len(), 3);

        for request in [
            json!({ "organizationId": "acme", ids: ["m", "o", "n", "unknown"] }),
            json!({ "organizationId": "acme", "documentIds": ["mine"] }),
            json!({ "organizationId": "acme" }),
        ] {
            let seen = app.ok(&limited, &operation("get"), &request).await;
            assert_eq!(seen, json!({ "m": { "x": "m", own_id: "m" } }), "{name} {request}");
        }
        let asked = json!({ "organizationId": "acme", "documentIds": ["mine", "other"] });
        app.refused(&limited, &operation("get"), &asked).await;

        // Neither into another document, nor onto what stands there, whatever the request says.
        for (id, document) in [
            ("new", json!("other")),
            ("new", json!(null)),
            ("o", json!("mine")),
            ("n", json!("mine")),
            ("m", json!("other")),
        ] {
            app.refused(&limited, &operation("save"), &save(records, id, &document)).await;
        }
        app.ok(&limited, &operation("save"), &save(records, "m2", &json!("mine"))).await;
        let Some(delete_id) = delete_id else { continue };
        let delete = |id: &str, document: &str| json!({ delete_id: id, "metadata": { "organizationId": "acme", "documentId": document } });
        app.refused(&limited, &operation("delete"), &delete("o", "other")).await;
        app.refused(&limited, &operation("delete"), &delete("unknown", "other")).await;
        // As if it did not exist.
        app.ok(&limited, &operation("delete"), &delete("o", "mine")).await;
        app.ok(&limited, &operation("delete"), &delete("unknown", "mine")).await;
        app.ok(&limited, &operation("delete"), &delete("m2", "mine")).await;
        let after = app.ok(&all, &operation("get"), &json!({ "organizationId": "acme" })).await;
        assert_eq!(after, everything, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_limit_as_documents_do() {
    let app = App::with(&[("AUTH_FOLDERS", "folders")]).await;
    let folders = |folders: Value| token(&with(claims(&json!("acme")), "folders", folders));
    let (all, limited) = (folders(json!("*")), folders(json!(["f"])));
    for (id, folder) in [("m", "f"), ("o", "g")] {
        let metadata = json!({ "organizationId": "acme", "documentId": "d", "folderId": folder });
        app.ok(&all, "comments/save", &json!({ "commentAnnotation": { id: { "x": id } }, "metadata": metadata })).await;
    }
    let seen = app.ok(&limited, "comments/get", &json!({ "organizationId": "acme", "documentIds": ["d"] })).await;
    assert_eq!(seen, json!({ "m": { "x": "m", "annotationId": "m" } }));
    app.refused(&limited, "comments/get", &json!({ "organizationId": "acme", "folderId": "g" })).await;
    // A token that says nothing of folders is limited to none.
    let forgotten = token(&claims(&json!("acme")));
    let seen = app.ok(&forgotten, "comments/get", &json!({ "organizationId": "acme" })).await;
    assert_eq!(seen, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_stand_where_they_were_uploaded() {
    let app = App::with(&[("AUTH_FOLDERS", "folders")]).await;
    let folders = |folders: Value| token(&with(claims(&json!("acme")), "folders", folders));
    let (all, limited) = (folders(json!("*")), folders(json!(["mine"])));
    let request = |id: u32, document: &str, folder: &str| {
        let metadata = json!({ "organizationId": "acme", "documentId": document, "folderId": folder });
        json!({ "attachment": { "attachmentId": id }, "attachmentId": id, "metadata": metadata })
    };
    let upload = async |token: &str, request: &Value| {
        let file = reqwest::multipart::Part::bytes(b"bytes".as_slice()).file_name("a.txt");
        let form = reqwest::multipart::Form::new().part("file", file).text("request", request.to_string());
        let url = format!("{}/api/velt/attachments/save", app.server.url());
        let answer = app.http.post(url).bearer_auth(token).multipart(form).send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap()["data"]["url"].as_str().unwrap_or_default().to_owned())
    };
    let reads = async |url: &str| app.http.get(url).send().await.unwrap().status().is_success();
    let (_, others) = upload(&all, &request(1, "d", "theirs")).await;
    // Whatever folder a request pretends, the file's own counts.
    for folder in ["theirs", "mine"] {
        assert_eq!(upload(&limited, &request(1, "d", folder)).await.0, 403);
    }
    app.refused(&limited, "attachments/delete", &request(1, "d", "theirs")).await;
    app.ok(&limited, "attachments/delete", &request(1, "d", "mine")).await;
    assert!(reads(&others).await);
    // Nor by a thread of one's own that names it.
    let attachments = json!({ "1": { "attachmentId": 1, "url": others } });
    let thread = json!({ "t": { "comments": { "1": { "commentText": "a", "attachments": attachments } } } });
    let metadata = request(1, "d", "mine")["metadata"].clone();
    app.ok(&limited, "comments/save", &json!({ "commentAnnotation": thread, "metadata": metadata })).await;
    app.ok(&limited, "comments/delete", &json!({ "commentAnnotationId": "t", "metadata": metadata })).await;
    assert!(reads(&others).await);

    // Nor by S3 directly, however large, and whenever the other file came.
    let direct = |id: u32, size: u64| {
        let mut request = request(id, "d", "mine");
        request["size"] = json!(size);
        request
    };
    for size in [5, 100 << 20] {
        app.refused(&limited, "uploads/start", &direct(1, size)).await;
    }
    app.refused(&limited, "uploads/finish", &direct(1, 5)).await;
    let mut late = direct(5, 200 << 20);
    late["storage"] = json!("recordings");
    let started = app.ok(&limited, "uploads/start", &late).await;
    late["uploadId"] = started["uploadId"].clone();
    let mut theirs = late.clone();
    theirs["metadata"]["folderId"] = json!("theirs");
    theirs["size"] = json!(5);
    theirs.as_object_mut().unwrap().remove("uploadId");
    let posted = app.ok(&all, "uploads/start", &theirs).await;
    let fields = posted["fields"].as_object().unwrap().iter();
    let form = fields.fold(reqwest::multipart::Form::new(), |form, (name, value)| {
        form.text(name.clone(), value.as_str().unwrap().to_owned())
    });
    let form = form.part("file", reqwest::multipart::Part::bytes(b"bytes".as_slice()).file_name("a.txt"));
    assert!(app.http.post(posted["url"].as_str().unwrap()).multipart(form).send().await.unwrap().status().is_success());
    let url = app.ok(&all, "uploads/finish", &theirs).await["url"].as_str().unwrap().to_owned();
    app.refused(&limited, "uploads/finish", &late).await;
    assert!(reads(&url).await, "what is refused leaves the other file as it is");
    let part = vec![0; usize::try_from(started["partSize"].as_u64().unwrap()).unwrap()];
    let put = app.http.put(started["urls"][0].as_str().unwrap()).body(part).send().await.unwrap();
    assert!(put.status().is_client_error(), "an upload that was refused takes nothing more");

    let (status, own) = upload(&limited, &request(2, "d", "mine")).await;
    assert!(status.is_success() && reads(&own).await);
    app.ok(&limited, "attachments/delete", &request(2, "d", "mine")).await;
    assert!(!reads(&own).await);
}
