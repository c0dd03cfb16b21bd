//! `docs/cost.md` multiplies prices by units: the units are those that operations ask for.

use serde_json::{Value, json};
use shared::notes::Usage;

use crate::cost::Meter;

const PAGE: &str = include_str!("../../../docs/cost.md");

/// The cells of the row that begins with `name`.
fn row(name: &str) -> Vec<&'static str> {
    let row = PAGE.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap();
    row.split('|').map(str::trim).skip(2).filter(|cell| !cell.is_empty()).collect()
}

/// Whether the page says these units of an operation, as `1 / 0`.
fn assert_said(name: &str, usage: Usage) {
    let units = row(name).into_iter().find(|cell| cell.contains(" / ")).unwrap();
    assert_eq!(units, format!("{} / {}", usage.read_units, usage.write_units), "{name}");
}

/// The request of a sample event.
fn sample(name: &str) -> Value {
    let event = std::fs::read_to_string(format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let event: Value = serde_json::from_str(&event).unwrap();
    serde_json::from_str(event["body"].as_str().unwrap()).unwrap()
}

/// The sample thread, without what names a file, with so many comments like its own.
fn thread(comments: usize) -> Value {
    let mut save = sample("comments-save");
    let thread = save["commentAnnotation"].as_object_mut().unwrap().values_mut().next().unwrap();
    thread["annotationId"] = json!("r0");
    let mut comment = thread["comments"]["451290"].take();
    comment.as_object_mut().unwrap().remove("attachments");
    let numbered = |id: usize| {
        comment["commentId"] = json!(id);
        (id.to_string(), comment.clone())
    };
    thread["comments"] = (451_290..451_290 + comments).map(numbered).collect();
    json!({ "commentAnnotation": { "r0": thread }, "metadata": save["metadata"] })
}

/// A reply to it: one of its comments again, which changes no size.
fn reply(comments: usize) -> Value {
    let mut save = thread(comments);
    save["event"] = json!("comment.add");
    save["commentId"] = json!(451_290);
    save
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_costs_by_the_size_of_the_thread() {
    let meter = Meter::start().await;
    let counts = row("Comments in the thread");
    for (count, units) in counts.iter().zip(row("WRU a reply")) {
        let comments = count.parse().unwrap();
        meter.run::<comments::Save>(thread(comments)).await;
        let usage = meter.run::<comments::Save>(reply(comments)).await;
        assert_eq!(usage.write_units.to_string(), units, "{count} comments");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_cost_what_the_page_says() {
    let meter = Meter::start().await;
    let save = thread(1);
    let metadata = save["metadata"].clone();
    assert_said("`comments/save`, a new thread", meter.run::<comments::Save>(save).await);
    assert_said("`comments/save`, to a thread of one comment", meter.run::<comments::Save>(reply(1)).await);
    let get = json!({ "organizationId": "acme", "commentAnnotationIds": ["r0"] });
    assert_said("`comments/get`, one thread by id", meter.run::<comments::Get>(get).await);
    meter.run::<comments::Save>(thread(10)).await;
    assert_said("`comments/save`, to a thread of 10 comments", meter.run::<comments::Save>(reply(10)).await);
    let delete = json!({ "commentAnnotationId": "r0", "metadata": metadata });
    let mut again = thread(1);
    again["event"] = json!("comment_annotation.add");
    meter.run::<comments::Delete>(delete.clone()).await;
    meter.run::<comments::Save>(again).await;
    assert_said("`comments/delete`, a thread of one comment", meter.run::<comments::Delete>(delete).await);

    let of_50 = (0..50).map(|n| {
        let mut thread = thread(1)["commentAnnotation"]["r0"].take();
        thread["annotationId"] = json!(format!("t{n}"));
        (format!("t{n}"), thread)
    });
    let of_50: Value = of_50.collect();
    meter.run::<comments::Save>(json!({ "commentAnnotation": of_50, "metadata": metadata })).await;
    let get = json!({ "organizationId": "acme", "documentIds": ["contract-7"] });
    assert_said("`comments/get`, a document of 50 threads", meter.run::<comments::Get>(get).await);
    let get = json!({ "organizationId": "acme" });
    assert_said("`comments/get`, an organization of 50 threads", meter.run::<comments::Get>(get).await);

    // Text that hardly shrinks when it is compressed, and the same in each run: the dearest case.
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = || std::iter::repeat_with(|| random.alphanumeric()).take(1000).collect::<String>();
    let comments: Value = (0..600).map(|id| (id.to_string(), json!({ "commentText": text() }))).collect();
    let mut large = json!({ "commentAnnotation": { "large": { "comments": comments } }, "metadata": metadata });
    meter.run::<comments::Save>(large.clone()).await;
    large["event"] = json!("comment.update");
    large["commentId"] = json!("7");
    large["commentAnnotation"]["large"]["comments"]["7"] = json!({ "commentText": "new" });
    assert_said("`comments/save`, to one of 600 KB", meter.run::<comments::Save>(large).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_records_cost_what_the_page_says() {
    let meter = Meter::start().await;
    let usage = meter.run::<reactions::Save>(sample("reactions-save")).await;
    assert_said("`reactions/save`, new", usage);
    let ids = |count| (0..count).map(|n| format!("r{n}")).collect::<Vec<_>>();
    let notifications: Value = ids(20).into_iter().map(|id| (id, json!({ "x": "y".repeat(700) }))).collect();
    meter.run::<notifications::Save>(json!({ "organizationId": "acme", "notifications": notifications })).await;
    let get = json!({ "organizationId": "acme", "notificationIds": ids(20) });
    assert_said("`notifications/get`, 20 ids", meter.run::<notifications::Get>(get).await);
    let users: Value = ids(10).into_iter().map(|id| json!({ "userId": id, "organizationId": "acme" })).collect();
    meter.run::<users::Save>(json!({ "users": users })).await;
    let get = json!({ "organizationId": "acme", "userIds": ids(10) });
    assert_said("`users/get`, 10 users of an organization", meter.run::<users::Get>(get).await);
}
