//! What one request may cost, whatever it asks for.

use serde_json::{Value, json};
use shared::limits::{CALLS, DOCUMENTS, IDS, UNITS};
use shared::notes::Usage;

use crate::cost::Meter;
use crate::support::App;

fn metadata() -> Value {
    json!({ "organizationId": "acme", "documentId": "d" })
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("r{n}")).collect()
}

fn assert_bounded(usage: Usage) {
    assert!(usage.calls <= CALLS && usage.read_units + usage.write_units <= UNITS, "{usage:?}");
}

/// Stores threads of about so many bytes each, a few in a request.
async fn store(app: &App, count: usize, bytes: usize, document: &str) {
    let in_one = (4_000_000 / bytes).clamp(1, 3);
    for ids in ids(count).chunks(in_one) {
        let threads: Value = ids.iter().map(|id| (id.clone(), json!({ "x": "y".repeat(bytes) }))).collect();
        let metadata = json!({ "organizationId": "acme", "documentId": document });
        app.ok("comments/save", &json!({ "commentAnnotation": threads, "metadata": metadata })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_of_absent_records_is_bounded() {
    let meter = Meter::start().await;
    let get = |count| json!({ "organizationId": "acme", "commentAnnotationIds": ids(count) });
    let (answer, usage) = meter.measure::<comments::Get>(get(IDS)).await;
    assert!(answer.is_ok());
    assert_bounded(usage);
    for many in [IDS + 1, 100_000] {
        let (answer, usage) = meter.measure::<comments::Get>(get(many)).await;
        let error = answer.unwrap_err();
        assert!(error.kind().status() == 400 && error.message().starts_with("commentAnnotationIds: "), "{error}");
        assert_eq!(usage, Usage::default());
    }
    let (answer, usage) =
        meter.measure::<comments::Get>(json!({ "organizationId": "acme", "documentIds": ids(DOCUMENTS) })).await;
    assert!(answer.is_ok());
    assert_bounded(usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_stops_where_its_answer_cannot_fit() {
    let meter = Meter::start().await;
    store(&meter.app, 80, 350_000, "d").await;
    for filter in [
        json!({ "organizationId": "acme" }),
        json!({ "organizationId": "acme", "documentIds": ["d"] }),
        json!({ "organizationId": "acme", "commentAnnotationIds": ids(80) }),
    ] {
        let (answer, usage) = meter.measure::<comments::Get>(filter.clone()).await;
        assert_bounded(usage);
        if let Err(error) = answer {
            assert!(error.kind().status() == 413 && error.message().contains("documentIds"), "{error}");
        } else {
            assert!(filter["documentIds"].is_array(), "{filter} reads more than it may");
        }
    }
    // What is asked for in pieces is there.
    let few = json!({ "organizationId": "acme", "commentAnnotationIds": ids(10) });
    assert_eq!(meter.app.ok("comments/get", &few).await.as_object().unwrap().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_would_cost_too_much_is_refused_before_it_writes() {
    let meter = Meter::start().await;
    store(&meter.app, 20, 300_000, "d").await;
    let tiny = |count| ids(count).into_iter().map(|id| (id, json!({ "z": 1 }))).collect::<Value>();
    let save = json!({ "commentAnnotation": tiny(20), "metadata": metadata() });
    let (answer, usage) = meter.measure::<comments::Save>(save).await;
    assert_eq!(answer.unwrap_err().kind().status(), 413);
    assert_bounded(usage);
    assert_eq!(meter.app.thread("r0").await.get("z"), None);
    for count in [501, 60_000] {
        let save = json!({ "reactionAnnotation": tiny(count), "metadata": metadata() });
        let (answer, usage) = meter.measure::<reactions::Save>(save).await;
        let error = answer.unwrap_err();
        assert!(error.message().starts_with("reactionAnnotation: "), "{error}");
        assert_eq!(usage, Usage::default());
    }
    let save = json!({ "reactionAnnotation": tiny(500), "metadata": metadata() });
    let (answer, usage) = meter.measure::<reactions::Save>(save).await;
    answer.unwrap();
    assert_bounded(usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_never_grows_beyond_what_a_get_can_answer() {
    let app = App::start().await;
    let noise = |bytes| std::iter::repeat_with(fastrand::alphanumeric).take(bytes).collect::<String>();
    app.save_thread("small", json!({ "x": 1 }), "comment_annotation.add", Value::Null).await;
    let half = noise(4_000_000);
    app.save_thread("t", json!({ "a": half }), "comment_annotation.add", Value::Null).await;
    let more = json!({
        "commentAnnotation": { "t": { "b": noise(4_000_000) } },
        "event": "comment_annotation.assign",
        "metadata": { "organizationId": "acme", "documentId": "doc" },
    });
    let message = app.refused(413, "comments/save", &more).await;
    assert!(message.contains("comments.t"), "{message}");
    let by_document = json!({ "organizationId": "acme", "documentIds": ["doc"] }).to_string();
    let client = reqwest::Client::builder().gzip(true).build().unwrap();
    let request = client.post(app.url("comments/get")).header("content-type", "application/json").body(by_document);
    let answer = crate::support::Answer::read(request.send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{}", &answer.text[..200.min(answer.text.len())]);
    assert!(answer.body["data"]["small"].is_object() && answer.body["data"]["t"]["a"] == half);
    let many: Value = (0..20_000).map(|n| (format!("f{n}"), json!(n))).collect();
    let many = json!({ "commentAnnotation": { "t": many }, "metadata": { "organizationId": "acme" } });
    assert!(app.refused(413, "comments/save", &many).await.contains("commentAnnotation"));
}

/// Text that compresses a thousandfold would be within every limit of units, and fill a function's memory.
#[tokio::test(flavor = "multi_thread")]
async fn text_that_compresses_well_is_bounded_too() {
    let app = App::start().await;
    let save = |id: &str, field: &str| {
        json!({
            "commentAnnotation": { id: { field: "x".repeat(5_000_000) } },
            "event": "comment_annotation.add",
            "metadata": { "organizationId": "acme", "documentId": "doc" },
        })
    };
    for id in ["r", "s", "t"] {
        for field in ["a", "b", "c"] {
            app.ok("comments/save", &save(id, field)).await;
        }
        assert!(app.refused(413, "comments/save", &save(id, "d")).await.contains(&format!("comments.{id}")));
    }
    let message = app.refused(413, "comments/get", &json!({ "organizationId": "acme", "documentIds": ["doc"] })).await;
    assert!(message.contains("fewer"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_and_items_stay_within_dynamodbs_limits() {
    let app = App::start().await;
    // 75 to 300 fields: an activity's condition passes 4,096 bytes, or 300 operators.
    for count in [50, 75, 95, 100, 101, 300] {
        let fields: Value = (0..count).map(|n| (format!("f{n}"), json!(n))).collect();
        let save = json!({ "activity": { format!("a{count}"): fields }, "organizationId": "acme" });
        app.ok("activity/save", &save).await;
        app.ok("activity/save", &save).await;
        let thread: Value = (0..count).map(|n| (format!("f{n}"), json!(n))).collect();
        app.save_thread(&format!("t{count}"), thread, "comment.add", 1).await;
    }
    // The name and the text of one value pass 400 KB together.
    for (name, text) in [(59_000, 355_000), (59_999, 340_000), (20_000, 379_000), (70_000, 399_000)] {
        let fields = json!({ "n".repeat(name): "x".repeat(text) });
        for _ in 0..2 {
            let save = json!({ "reactionAnnotation": { "r": fields }, "metadata": { "organizationId": "acme" } });
            app.ok("reactions/save", &save).await;
        }
    }
}
