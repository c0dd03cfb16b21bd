//! What each operation asks of DynamoDB: calls, and capacity, which is what AWS bills.

use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use shared::Error;
use shared::access::Gate;
use shared::notes::{self, Notes, Usage};
use shared::operation::{FromRequest as _, Operation};
use shared::setup::{Setup, Store as _};

use crate::support::App;

pub(crate) struct Meter {
    pub(crate) app: App,
    setup: Setup,
}

impl Meter {
    pub(crate) async fn start() -> Self {
        let app = App::start().await;
        let setup = app.server.setup();
        Self { app, setup }
    }

    /// Runs an operation and tells what it asked for.
    pub(crate) async fn run<O: Operation>(&self, request: Value) -> Usage {
        let (answer, usage) = self.measure::<O>(request).await;
        answer.unwrap();
        usage
    }

    /// Runs an operation, which may refuse the request, and tells what it asked for.
    pub(crate) async fn measure<O: Operation>(&self, request: Value) -> (Result<O::Answer, Error>, Usage) {
        let (answer, notes) = self.noted::<O>(request).await;
        (answer, notes.usage)
    }

    /// Runs an operation, which may refuse the request, and tells what was noted of it.
    pub(crate) async fn noted<O: Operation>(&self, request: Value) -> (Result<O::Answer, Error>, Notes) {
        let store = O::Store::open(&self.setup).unwrap();
        let request = http::Request::post(O::PATH).header(CONTENT_TYPE, "application/json").body(request.to_string());
        let (parts, body) = request.unwrap().into_parts();
        let request = match O::Request::from_request(&parts, body.into()).await {
            Ok(request) => request,
            Err(error) => return (Err(error), Notes::default()),
        };
        let caller = Gate::open(&self.setup).unwrap().caller(O::ACCESS, &parts.headers, None).unwrap();
        notes::taken(Box::pin(O::run(&store, &caller, request))).await
    }
}

fn usage(calls: u32, read_units: f64, write_units: f64) -> Usage {
    Usage { calls, read_units, write_units }
}

fn records(count: usize, fields: &Value) -> Value {
    (0..count).map(|n| (format!("r{n}"), fields.clone())).collect()
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("r{n}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_of_one_record_is_one_call() {
    let meter = Meter::start().await;
    let metadata = json!({ "organizationId": "acme", "documentId": "d", "folderId": "f" });
    let thread = json!({ "x": 1, "comments": { "1": { "commentText": "hi" } } });
    let save =
        json!({ "commentAnnotation": { "r0": thread }, "metadata": metadata, "event": "comment.add", "commentId": 1 });
    // The item, and its entry in each of the three indexes; later only in the two that hold whole items.
    assert_eq!(meter.run::<comments::Save>(save.clone()).await, usage(1, 0.0, 4.0));
    assert_eq!(meter.run::<comments::Save>(save).await, usage(1, 0.0, 3.0));
    let save = json!({ "reactionAnnotation": { "r0": {} }, "metadata": metadata });
    assert_eq!(meter.run::<reactions::Save>(save).await, usage(1, 0.0, 4.0));
    let save = json!({ "recorderAnnotation": { "r0": {} }, "metadata": metadata });
    assert_eq!(meter.run::<recordings::Save>(save).await, usage(1, 0.0, 4.0));
    let save = json!({ "activity": { "r0": { "x": 1 } }, "metadata": metadata });
    assert_eq!(meter.run::<activity::Save>(save.clone()).await, usage(1, 0.0, 4.0));
    assert_eq!(meter.run::<activity::Save>(save).await.calls, 1);
    let save = json!({ "notifications": { "r0": {} }, "organizationId": "acme" });
    assert_eq!(meter.run::<notifications::Save>(save).await, usage(1, 0.0, 2.0));
    let save = json!({ "users": [{ "userId": "r0", "email": "a@example.com" }] });
    assert_eq!(meter.run::<users::Save>(save).await, usage(1, 0.0, 4.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_of_100_ids_is_one_call() {
    let meter = Meter::start().await;
    let metadata = json!({ "organizationId": "acme", "documentId": "d" });
    let save = json!({ "commentAnnotation": records(100, &json!({ "comments": {} })), "metadata": metadata });
    // A transaction costs twice what its writes do: two of them, and three entries in indexes.
    // Records are read before, to know what writing them costs.
    assert_eq!(meter.run::<comments::Save>(save).await.calls, 2);
    let get = json!({ "organizationId": "acme", "commentAnnotationIds": ids(100) });
    assert_eq!(meter.run::<comments::Get>(get).await, usage(1, 100.0, 0.0));
    let get = json!({ "organizationId": "acme", "commentAnnotationIds": ids(150) });
    assert_eq!(meter.run::<comments::Get>(get).await.calls, 2);

    let save = json!({ "activity": records(100, &json!({})), "metadata": metadata });
    assert_eq!(meter.run::<activity::Save>(save).await.calls, 2);
    let get = json!({ "organizationId": "acme", "activityIds": ids(100) });
    assert_eq!(meter.run::<activity::Get>(get).await.calls, 1);
    let get = json!({ "organizationId": "acme", "notificationIds": ids(100) });
    assert_eq!(meter.run::<notifications::Get>(get).await.calls, 1);
    // A user is looked for in its organization and among those of none.
    let get = json!({ "organizationId": "acme", "userIds": ids(50) });
    assert_eq!(meter.run::<users::Get>(get).await.calls, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_load_is_one_query() {
    let meter = Meter::start().await;
    let metadata = json!({ "organizationId": "acme", "documentId": "d", "folderId": "f" });
    let threads = records(50, &json!({ "comments": { "1": { "commentText": "x".repeat(500) } } }));
    meter.run::<comments::Save>(json!({ "commentAnnotation": threads, "metadata": metadata })).await;
    for filter in ["documentIds", "folderId"] {
        let value = if filter == "documentIds" { json!(["d"]) } else { json!("f") };
        let usage = meter.run::<comments::Get>(json!({ "organizationId": "acme", filter: value })).await;
        assert_eq!(usage.calls, 1, "{filter}");
        // Half a unit for each 4 KB of the page, not of each item: 50 items of 700 to 1,000 bytes.
        assert!((4.0..7.0).contains(&usage.read_units), "{filter}: {usage:?}");
    }
    // One query for each of the eight shards, and one read for each 100 records.
    let usage = meter.run::<comments::Get>(json!({ "organizationId": "acme" })).await;
    assert_eq!(usage.calls, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_is_two_calls() {
    // A tombstone, and a look for what stands beside it.
    let meter = Meter::start().await;
    let metadata = json!({ "organizationId": "acme", "documentId": "d" });
    for present in [true, false] {
        if present {
            meter
                .run::<comments::Save>(json!({ "commentAnnotation": records(1, &json!({})), "metadata": metadata }))
                .await;
            meter
                .run::<reactions::Save>(json!({ "reactionAnnotation": records(1, &json!({})), "metadata": metadata }))
                .await;
            meter
                .run::<recordings::Save>(json!({ "recorderAnnotation": records(1, &json!({})), "metadata": metadata }))
                .await;
        }
        let delete = json!({ "commentAnnotationId": "r0", "metadata": metadata });
        assert_eq!(meter.run::<comments::Delete>(delete).await.calls, 2);
        let delete = json!({ "reactionAnnotationId": "r0", "metadata": metadata });
        assert_eq!(meter.run::<reactions::Delete>(delete).await.calls, 2);
        let delete = json!({ "recorderAnnotationId": "r0", "metadata": metadata });
        assert_eq!(meter.run::<recordings::Delete>(delete).await.calls, 2);
        let delete = json!({ "notificationId": "r0", "organizationId": "acme" });
        assert_eq!(meter.run::<notifications::Delete>(delete).await.calls, 2);
        assert_eq!(meter.run::<users::Delete>(json!({ "userId": "r0" })).await.calls, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_a_large_thread_costs_what_is_new_not_the_thread() {
    let meter = Meter::start().await;
    let comments: Value = (0..600).map(|id| (id.to_string(), json!({ "commentText": "x".repeat(1000) }))).collect();
    let thread =
        json!({ "commentAnnotation": { "r0": { "comments": comments } }, "metadata": { "organizationId": "acme" } });
    meter.run::<comments::Save>(thread).await;
    let mut view = comments.clone();
    view["9999"] = json!({ "commentText": "new" });
    let reply = json!({
        "commentAnnotation": { "r0": { "comments": view } },
        "metadata": { "organizationId": "acme" },
        "event": "comment.add",
        "commentId": 9999,
    });
    let usage = meter.run::<comments::Save>(reply).await;
    // Two items in a transaction, and an index entry: as one item the thread would be 400 KB, and 400 units.
    assert!(usage.write_units <= 8.0, "{usage:?}");
    meter.app.server.stop().await;
}
