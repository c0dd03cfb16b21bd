//! What the development server shows of requests: a line each, and nothing of their content. What the functions log is
//! held against the field inventory where their binaries run.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::program::Program;
use crate::support::PROVIDERS;

/// What stands in every place of the requests, and must stand nowhere in the log.
const SECRET: &str = "tell-nobody";

fn requests() -> Vec<(String, String)> {
    let mut requests = Vec::new();
    for provider in &PROVIDERS {
        let fields = json!({ SECRET: SECRET, "from": { "email": SECRET } });
        requests.push((provider.operation("save"), provider.save_request("acme", SECRET, &fields).to_string()));
        let large = json!({ SECRET: SECRET.repeat(80_000) });
        requests.push((provider.operation("save"), provider.save_request("acme", SECRET, &large).to_string()));
        requests.push((provider.operation("get"), provider.get_request("acme", &[SECRET]).to_string()));
        requests.push((provider.operation("get"), json!({ "organizationId": { SECRET: SECRET } }).to_string()));
        requests.push((provider.operation("get"), format!("{{\"{SECRET}")));
        requests.push((provider.operation("get"), format!("{{\"{SECRET}\":\"\\u0000\"}}")));
        if let Some(delete) = provider.delete_request("acme", SECRET) {
            requests.push((provider.operation("delete"), delete.to_string()));
        }
    }
    let users = json!({ "users": [{ "userId": SECRET, "email": SECRET, "name": SECRET }] });
    requests.push(("users/save".to_owned(), users.to_string()));
    requests.push(("users/get".to_owned(), json!({ "userIds": [SECRET] }).to_string()));
    requests.push(("users/resolve".to_owned(), json!({ "organizationId": "acme", "emails": [SECRET] }).to_string()));
    requests.push(("users/delete".to_owned(), json!({ "userIds": [SECRET] }).to_string()));
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_tells_what_was_asked_and_nothing_of_the_content() {
    let program = Program::start(&["--in-memory"]);
    let http = reqwest::Client::new();
    let mut statuses = BTreeSet::new();
    let requests = requests();
    for (operation, body) in &requests {
        let request = http.post(format!("{}/api/velt/{operation}", program.url)).body(body.clone());
        let request = request.header("content-type", "application/json").header("authorization", SECRET);
        let response = request.header("cookie", SECRET).query(&[(SECRET, SECRET)]).send().await.unwrap();
        statuses.insert(response.status().as_u16());
        // The answer may quote the request; the log may not.
        let _: Value = response.json().await.unwrap();
    }
    assert_eq!(statuses, BTreeSet::from([200, 400, 409]));
    let nowhere = http.post(format!("{}/api/velt/nothing", program.url)).query(&[(SECRET, SECRET)]);
    assert_eq!(nowhere.body(SECRET).send().await.unwrap().status(), 404);

    let log = program.interrupt();
    assert!(!log.contains(SECRET), "{log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" ms")).collect();
    assert_eq!(lines.len(), requests.len(), "one line a request");
    for (line, (operation, _)) in lines.iter().zip(&requests) {
        assert!(line.contains(&operation.replace('/', "-")), "{operation}: {line}");
    }
    let told = |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(told(&["200 comments-save", "acme", "items 1 ", "calls 1 ", "WCU 2 "]), "{log}");
    assert!(told(&["400 comments-get", "INVALID_INPUT"]), "{log}");
    assert!(log.contains("404 POST /api/velt/nothing"), "{log}");
}
