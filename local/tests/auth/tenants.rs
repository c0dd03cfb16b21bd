//! Histories: whatever tenant B calls, not a byte of tenant A's changes or is told.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::{App, claims, sample, token};

/// What every record of A holds, and no answer to B may.
const SECRET: &str = "of-tenant-a-alone";

/// One call of B's: which sample, which ids it names where, and what it pretends.
#[derive(Clone, Debug)]
struct Call {
    operation: usize,
    organization: &'static str,
    in_metadata: Option<&'static str>,
    in_record: Option<&'static str>,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let organization = || prop::sample::select(vec!["acme", "beta", "acme#", "beta#acme", "%61cme", "ACME", ""]);
    let call = (0..64_usize, organization(), prop::option::of(organization()), prop::option::of(organization()));
    let call = call.prop_map(|(operation, organization, in_metadata, in_record)| Call {
        operation,
        organization,
        in_metadata,
        in_record,
    });
    prop::collection::vec(call, 1..12)
}

/// The sample with the organizations of the call in every place where one may stand.
fn request(sample: &Value, call: &Call) -> Value {
    let mut request = sample.clone();
    if request.get("organizationId").is_some() || call.in_metadata.is_none() {
        request["organizationId"] = json!(call.organization);
    }
    if let Some(organization) = call.in_metadata {
        request["metadata"]["organizationId"] = json!(organization);
    } else if let Some(metadata) = request.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("organizationId");
    }
    for records in ["commentAnnotation", "reactionAnnotation", "recorderAnnotation", "activity", "notifications"] {
        for (_, record) in request.get_mut(records).and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some(organization) = call.in_record {
                record["metadata"]["organizationId"] = json!(organization);
            } else {
                record.as_object_mut().unwrap().remove("metadata");
            }
        }
    }
    request
}

/// Everything in the table that is A's.
async fn stored(app: &App) -> Vec<String> {
    let scan = app.server.dynamodb().scan().table_name(app.server.environment.get("TABLE_NAME")).send().await.unwrap();
    let of_a = |item: &&std::collections::HashMap<_, _>| format!("{item:?}").contains("#acme#");
    let sorted = |item: &std::collections::HashMap<String, _>| {
        let sorted: std::collections::BTreeMap<_, _> = item.iter().collect();
        format!("{sorted:?}")
    };
    let mut items: Vec<String> = scan.items().iter().filter(of_a).map(sorted).collect();
    items.sort();
    items
}

#[test]
fn no_history_of_b_reaches_a() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(App::start());
    let functions = app.functions();
    let samples: Vec<(String, Value)> = functions
        .iter()
        .filter_map(|function| {
            let operation = function.path.strip_prefix("/api/velt/")?.to_owned();
            Some((operation, serde_json::from_slice(&sample(function).body).ok()?))
        })
        .collect();
    let (of_a, of_b) = (token(&claims(&json!("acme"))), token(&claims(&json!(["beta", "beta#acme", "acme#"]))));
    runtime.block_on(async {
        for (operation, body) in samples.iter().filter(|(operation, _)| operation.ends_with("/save")) {
            let mut body = body.clone();
            // One who belongs to no organization is everybody's.
            if let Some(users) = body.get_mut("users").and_then(Value::as_array_mut) {
                users.retain(|user| user.get("organizationId").is_some());
            }
            let text = body.to_string().replace("\"userId\":", &format!("\"secret\":\"{SECRET}\",\"userId\":"));
            let url = format!("{}/api/velt/{operation}", app.server.url());
            let mut request = app.http.post(url).header("content-type", "application/json").body(text);
            let by_backend = operation.starts_with("users") || operation.starts_with("notifications");
            let authorization =
                if by_backend { "AWS4-HMAC-SHA256 Credential=local".to_owned() } else { format!("Bearer {of_a}") };
            request = request.header("authorization", authorization);
            assert_eq!(request.send().await.unwrap().status(), 200, "{operation}");
        }
    });
    let before = runtime.block_on(stored(&app));
    assert!(before.len() >= 6 && before.iter().any(|item| item.contains(SECRET)));
    let mut runner = TestRunner::new(ProptestConfig { cases: 60, ..ProptestConfig::default() });
    let result = runner.run(&calls(), |calls| {
        runtime.block_on(async {
            for call in &calls {
                let (operation, sample) = &samples[call.operation % samples.len()];
                let (_, answer) = app.post(&of_b, operation, &request(sample, call)).await;
                prop_assert!(!answer.to_string().contains(SECRET), "{operation} {call:?}: {answer}");
            }
            prop_assert_eq!(&stored(&app).await, &before, "{:?}", calls);
            Ok(())
        })
    });
    result.unwrap();
}
