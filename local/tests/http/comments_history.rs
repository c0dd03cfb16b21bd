//! Any history of saves and deletes ends as the rules say, whatever order the calls arrive in.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::App;

/// What somebody does to comments 0 to 3 of one thread.
#[derive(Clone, Debug)]
enum Act {
    /// Sets a comment, with a stale view of some others.
    Set {
        comment: u8,
        text: u8,
        view: Vec<u8>,
    },
    /// Sets a comment without its text.
    Degraded {
        comment: u8,
    },
    Delete {
        comment: u8,
        view: Vec<u8>,
    },
    /// Changes a field, with a stale view of some comments.
    Assign {
        value: u8,
        view: Vec<u8>,
    },
    /// The whole thread as somebody has it.
    Whole {
        text: u8,
        view: Vec<u8>,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let view = || proptest::collection::vec(0..4_u8, 0..4);
    let act = prop_oneof![
        (0..4_u8, any::<u8>(), view()).prop_map(|(comment, text, view)| Act::Set { comment, text, view }),
        (0..4_u8).prop_map(|comment| Act::Degraded { comment }),
        (0..4_u8, view()).prop_map(|(comment, view)| Act::Delete { comment, view }),
        (any::<u8>(), view()).prop_map(|(value, view)| Act::Assign { value, view }),
        (any::<u8>(), view()).prop_map(|(text, view)| Act::Whole { text, view }),
    ];
    proptest::collection::vec(act, 1..12)
}

/// The rules, said once more and simply: a comment is a text, or deleted.
#[derive(Default)]
struct Model {
    comments: BTreeMap<u8, Option<String>>,
    assigned: Option<u8>,
}

impl Model {
    fn see(&mut self, view: &[u8]) {
        for comment in view {
            self.comments.entry(*comment).or_insert_with(|| Some("stale".to_owned()));
        }
    }

    fn set(&mut self, comment: u8, text: &str) {
        let known = self.comments.entry(comment).or_insert_with(|| Some(String::new()));
        if let Some(known) = known {
            text.clone_into(known);
        }
    }

    fn apply(&mut self, act: &Act) {
        match act {
            Act::Set { comment, text, view } => {
                self.set(*comment, &text.to_string());
                self.see(view);
            }
            Act::Degraded { comment } => {
                self.comments.entry(*comment).or_insert_with(|| Some("none".to_owned()));
            }
            Act::Delete { comment, view } => {
                self.comments.insert(*comment, None);
                self.see(view);
            }
            Act::Assign { value, view } => {
                self.assigned = Some(*value);
                self.see(view);
            }
            Act::Whole { text, view } => view.iter().for_each(|comment| self.set(*comment, &text.to_string())),
        }
    }

    fn visible(&self) -> BTreeMap<String, String> {
        let comments = self.comments.iter();
        comments.filter_map(|(id, text)| Some((id.to_string(), text.clone()?))).collect()
    }
}

fn seen(view: &[u8], text: &str) -> serde_json::Map<String, Value> {
    view.iter().map(|id| (id.to_string(), json!({ "commentId": id, "commentText": text }))).collect()
}

fn request(thread: &str, act: &Act) -> Value {
    let (annotation, event, comment) = match act {
        Act::Set { comment, text, view } => {
            let mut comments = seen(view, "stale");
            comments.extend(seen(&[*comment], &text.to_string()));
            (json!({ "comments": comments }), json!("comment.update"), json!(comment))
        }
        Act::Degraded { comment } => {
            let comments = json!({ comment.to_string(): { "commentId": comment } });
            (json!({ "comments": comments }), json!("comment.update"), json!(comment.to_string()))
        }
        Act::Delete { comment, view } => {
            (json!({ "comments": seen(view, "stale") }), json!("comment.delete"), json!(comment))
        }
        Act::Assign { value, view } => {
            let thread = json!({ "assigned": value, "comments": seen(view, "stale") });
            (thread, json!("comment_annotation.assign"), Value::Null)
        }
        Act::Whole { text, view } => (json!({ "comments": seen(view, &text.to_string()) }), Value::Null, Value::Null),
    };
    json!({
        "commentAnnotation": { thread: annotation },
        "event": event,
        "commentId": comment,
        "metadata": { "organizationId": "acme" },
    })
}

async fn visible(app: &App, thread: &str) -> BTreeMap<String, String> {
    let thread = app.thread(thread).await;
    let comments = thread["comments"].as_object().cloned().unwrap_or_default();
    let text = |comment: &Value| comment["commentText"].as_str().unwrap_or("none").to_owned();
    comments.iter().map(|(id, comment)| (id.clone(), text(comment))).collect()
}

#[test]
fn a_history_ends_as_the_rules_say_and_repeating_its_last_call_changes_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let app = runtime.block_on(App::start());
    let mut next = 0;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(96));
    let thread_of = std::cell::RefCell::new(&mut next);
    runner
        .run(&acts(), |acts| {
            let thread = {
                let mut next = thread_of.borrow_mut();
                **next += 1;
                format!("t{}", **next)
            };
            let mut model = Model::default();
            runtime.block_on(async {
                for act in &acts {
                    model.apply(act);
                    app.ok("comments/save", &request(&thread, act)).await;
                    prop_assert_eq!(visible(&app, &thread).await, model.visible(), "after {:?}", act);
                }
                if let Some(last) = acts.last() {
                    app.ok("comments/save", &request(&thread, last)).await;
                }
                prop_assert_eq!(visible(&app, &thread).await, model.visible());
                let assigned = app.thread(&thread).await["assigned"].clone();
                prop_assert_eq!(assigned, model.assigned.map_or(Value::Null, Value::from));
                Ok(())
            })
        })
        .unwrap();
}

#[test]
fn calls_at_once_lose_no_comment_and_bring_back_none_that_was_deleted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let app = runtime.block_on(App::start());
    let next = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(32));
    runner
        .run(&acts(), |acts| {
            next.set(next.get() + 1);
            let thread = format!("t{}", next.get());
            runtime.block_on(async {
                let calls = acts.iter().map(|act| {
                    let request = request(&thread, act);
                    let app = &app;
                    async move { app.ok("comments/save", &request).await }
                });
                futures::future::join_all(calls).await;
                let visible = visible(&app, &thread).await;
                let mut deleted = Vec::new();
                let mut named = Vec::new();
                for act in &acts {
                    match act {
                        Act::Set { comment, view, .. } => named.extend(view.iter().chain([comment]).copied()),
                        Act::Degraded { comment } => named.push(*comment),
                        Act::Delete { comment, view } => {
                            deleted.push(*comment);
                            named.extend(view);
                        }
                        Act::Assign { view, .. } | Act::Whole { view, .. } => named.extend(view),
                    }
                }
                for comment in 0..4_u8 {
                    let expected = named.contains(&comment) && !deleted.contains(&comment);
                    prop_assert_eq!(visible.contains_key(&comment.to_string()), expected, "comment {}", comment);
                }
                Ok(())
            })
        })
        .unwrap();
}
