//! Calls whose answers are lost, that are throttled, or that fail half-way: nothing acknowledged is lost, and nothing that
//! was deleted stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::proxy::{Fate, THROTTLED, functions_over, invoke};
use crate::support::App;

fn metadata() -> Value {
    json!({ "organizationId": "acme", "documentId": "d" })
}

fn save(fields: &Value) -> Value {
    json!({ "commentAnnotation": { "t": fields }, "metadata": metadata() })
}

fn delete() -> Value {
    json!({ "commentAnnotationId": "t", "metadata": metadata() })
}

/// Text that does not shrink when it is compressed: a comment of the size that it looks.
fn noise(bytes: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(bytes).collect()
}

/// Every item of the table.
async fn items(app: &App) -> Vec<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>> {
    let table = app.server.environment.get("TABLE_NAME");
    let pages = app.server.dynamodb().scan().table_name(table).into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.unwrap()
}

async fn ok(functions: &[local::Function], name: &str, body: &Value) {
    let answer = invoke(functions, name, body).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_stays_written_when_its_answer_is_lost() {
    let app = App::start().await;
    let lost = Arc::new(AtomicUsize::new(0));
    let large = |n: usize| json!({ "comments": { n.to_string(): { "commentText": noise(250_000), "n": n } } });
    let losing_once = |lost: Arc<AtomicUsize>| {
        let left = AtomicUsize::new(1);
        move |call: &crate::proxy::Call<'_>| {
            let next = |left: usize| left.checked_sub(1);
            if call.writes_first_item() && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).is_ok() {
                lost.fetch_add(1, Ordering::SeqCst);
                return Fate::LoseAnswer;
            }
            Fate::Pass
        }
    };
    // From one item to many, and within many.
    for n in 0..4 {
        let functions = functions_over(&app, losing_once(Arc::clone(&lost))).await;
        ok(&functions, "comments-save", &save(&large(n))).await;
        assert_eq!(app.thread("t").await["comments"].as_object().unwrap().len(), n + 1);
    }
    let functions = functions_over(&app, losing_once(Arc::clone(&lost))).await;
    ok(&functions, "comments-delete", &delete()).await;
    assert_eq!(app.thread("t").await, Value::Null);
    assert_eq!(lost.load(Ordering::SeqCst), 5, "an answer is lost each time");
}

/// One caller's update takes effect, and its answer is lost; another reads the record for a change that needs that; a third
/// adds a comment; then the first's SDK repeats its call. Were the revision one that the update brings, the repetition
/// would restore it, and the second would write its copy of the record over the third's comment.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_update_does_not_hide_what_came_between() {
    let app = App::start().await;
    app.save_thread("t", json!({ "comments": { "1": { "commentText": "one" } } }), "comment.add", 1).await;

    let (applied, may_repeat) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gate = (Arc::clone(&applied), Arc::clone(&may_repeat));
    let attempts = AtomicUsize::new(0);
    let first = functions_over(&app, move |call| {
        if call.name != "UpdateItem" {
            return Fate::Pass;
        }
        if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
            gate.0.notify_one();
            return Fate::LoseAnswer;
        }
        // The repetition waits until the others have done their part.
        let may_repeat = Arc::clone(&gate.1);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(may_repeat.notified()));
        Fate::Pass
    })
    .await;
    let request = |id: u32, event: &str, comment: &Value| {
        json!({
            "commentAnnotation": { "t": { "comments": { id.to_string(): comment } } },
            "event": event,
            "commentId": id,
            "metadata": metadata(),
        })
    };
    let add_two = request(2, "comment.add", &json!({ "commentText": "two" }));
    let first = tokio::spawn(async move { invoke(&first, "comments-save", &add_two).await });
    applied.notified().await;

    // The second reads, and puts what it made of that only when the third and the repetition are done.
    let (has_read, may_put) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gate = (Arc::clone(&has_read), Arc::clone(&may_put));
    let puts = AtomicUsize::new(0);
    let second = functions_over(&app, move |call| {
        if call.name == "PutItem" && puts.fetch_add(1, Ordering::SeqCst) == 0 {
            gate.0.notify_one();
            let may_put = Arc::clone(&gate.1);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(may_put.notified()));
        }
        Fate::Pass
    })
    .await;
    let without_text = request(1, "comment.update", &json!({ "reviewed": true }));
    let second = tokio::spawn(async move { invoke(&second, "comments-save", &without_text).await });
    has_read.notified().await;

    app.save_thread("t", json!({ "comments": { "3": { "commentText": "three" } } }), "comment.add", 3).await;
    may_repeat.notify_one();
    assert_eq!(first.await.unwrap()["statusCode"], 200);
    may_put.notify_one();
    assert_eq!(second.await.unwrap()["statusCode"], 200);
    let thread = app.thread("t").await;
    let texts = ["1", "2", "3"].map(|id| thread["comments"][id]["commentText"].clone());
    assert_eq!(texts, ["one", "two", "three"]);
    assert_eq!(thread["comments"]["1"]["reviewed"], true);
}

/// A save is throttled at each of its last writes, over and over; then it succeeds; then the thread is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_thread_outlives_its_delete() {
    for bytes in [300_000, 4_800_000] {
        let app = App::start().await;
        let thread = json!({ "annotationId": "t", "a": noise(bytes), "b": noise(300_000) });
        let throttling =
            functions_over(&app, |call| if call.writes_first_item() { THROTTLED } else { Fate::Pass }).await;
        for _ in 0..2 {
            let answer = invoke(&throttling, "comments-save", &save(&thread)).await;
            assert_eq!((&answer["statusCode"], &answer["headers"]["retry-after"]), (&json!(503), &json!("1")));
            assert!(items(&app).await.is_empty(), "a save that fails takes along what it wrote");
        }
        app.ok("comments/save", &save(&thread)).await;
        assert_eq!(app.thread("t").await, thread);
        app.ok("comments/delete", &delete()).await;
        let left = items(&app).await;
        assert_eq!(left.len(), 1, "one tombstone");
        assert!(left[0].contains_key("ttl") && !left[0].contains_key("data"));
    }
}

/// A function that is stopped while it writes leaves what DynamoDB removes by itself, and the delete finds it.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_unfinished_save_left_expires_and_is_swept() {
    let app = App::start().await;
    let thread = json!({ "annotationId": "t", "a": noise(5_000_000) });
    let batches = AtomicUsize::new(0);
    // The second writing of the items, without their expiry, is throttled for ever, and so is what would clean up.
    let stopped = functions_over(&app, move |call| {
        let is_later = call.name == "BatchWriteItem" && batches.fetch_add(1, Ordering::SeqCst) > 0;
        if is_later { THROTTLED } else { Fate::Pass }
    })
    .await;
    let answer = invoke(&stopped, "comments-save", &save(&thread)).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    let left = items(&app).await;
    assert!(!left.is_empty() && left.iter().all(|item| item.contains_key("ttl")), "{}", left.len());
    app.ok("comments/save", &save(&thread)).await;
    assert_eq!(app.thread("t").await, thread);
    assert!(items(&app).await.iter().all(|item| !item.contains_key("ttl")), "the next save sweeps");
    app.ok("comments/delete", &delete()).await;
    assert_eq!(items(&app).await.len(), 1);
}

/// Clients that save one large thread at once: what a refused save wrote is not forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_does_not_grow_when_clients_collide() {
    let app = App::start().await;
    app.ok("comments/save", &save(&json!({ "annotationId": "t", "a": noise(500_000) }))).await;
    for _ in 0..2 {
        // A save that others are in the way of for too long is a 503, and its client repeats it.
        let clients = (0..4).map(|client| {
            let thread = json!({ "comments": { client.to_string(): { "commentText": noise(800_000) } } });
            let request = json!({
                "commentAnnotation": { "t": thread },
                "event": "comment.update",
                "commentId": client,
                "metadata": metadata(),
            });
            let app = &app;
            async move {
                for _ in 0..20 {
                    match app.post("comments/save", &request).await.status {
                        503 => {}
                        status => return assert_eq!(status, 200),
                    }
                }
                panic!("twenty attempts were in vain");
            }
        });
        futures::future::join_all(clients).await;
        let bytes: usize = items(&app)
            .await
            .iter()
            .filter_map(|item| item.get("data")?.as_b().ok())
            .map(|data| data.as_ref().len())
            .sum();
        assert!(bytes < 3_400_000, "{bytes} bytes are stored of 3,700,000 that shrink by a quarter");
    }
    app.ok("comments/delete", &delete()).await;
    assert_eq!(items(&app).await.len(), 1);
}

/// A reader never sees a mixture of two saves, however many items the record is.
#[tokio::test(flavor = "multi_thread")]
async fn a_split_thread_is_read_as_one_save_left_it() {
    let app = App::start().await;
    let thread = |n: u32| json!({ "n": n, "pad1": noise(40_000), "pad2": noise(400_000), "z": { "n": n, "pad": noise(40_000) } });
    app.ok("comments/save", &save(&thread(0))).await;
    let writer = async {
        for n in 1..15 {
            app.ok("comments/save", &save(&thread(n))).await;
        }
    };
    let reader = async {
        for _ in 0..40 {
            let read = app.thread("t").await;
            assert_eq!(read["n"], read["z"]["n"]);
        }
    };
    futures::future::join(writer, reader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_without_a_code_is_an_honest_503() {
    let app = App::start().await;
    for (status, body) in [(503, ""), (503, "<html><body>Service Unavailable</body></html>"), (500, ""), (502, "x")] {
        let functions = functions_over(&app, move |_| Fate::Refuse(status, body)).await;
        for (name, request) in [
            ("comments-get", json!({ "organizationId": "acme", "commentAnnotationIds": ["t"] })),
            ("comments-save", save(&json!({ "a": 1 }))),
            ("comments-delete", delete()),
        ] {
            let answer = invoke(&functions, name, &request).await;
            assert_eq!(
                (&answer["statusCode"], &answer["headers"]["retry-after"]),
                (&json!(503), &json!("1")),
                "{name}"
            );
        }
    }
}
