//! What is logged: the fields that `docs/field-inventory.md` lists, and nothing of a request.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::program::Program;
use crate::support::PROVIDERS;

const INVENTORY: &str = include_str!("../../../docs/field-inventory.md");

/// What stands in every place of the requests, and must stand nowhere in the log.
const SECRET: &str = "tell-nobody";

/// The names in the list that begins with "Log fields:".
fn listed_fields() -> BTreeSet<String> {
    let (_, list) = INVENTORY.split_once("Log fields: ").unwrap();
    let (list, _) = list.split_once(". ").unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn requests() -> Vec<(String, String)> {
    let mut requests = Vec::new();
    for provider in &PROVIDERS {
        let fields = json!({ SECRET: SECRET, "from": { "email": SECRET } });
        requests.push((provider.operation("save"), provider.save_request(SECRET, SECRET, &fields).to_string()));
        let large = json!({ SECRET: SECRET.repeat(80_000) });
        requests.push((provider.operation("save"), provider.save_request(SECRET, SECRET, &large).to_string()));
        requests.push((provider.operation("get"), provider.get_request(SECRET, &[SECRET]).to_string()));
        requests.push((provider.operation("get"), json!({ "organizationId": { SECRET: SECRET } }).to_string()));
        requests.push((provider.operation("get"), format!("{{\"{SECRET}")));
        requests.push((provider.operation("get"), format!("{{\"{SECRET}\":\"\\u0000\"}}")));
        if let Some(delete) = provider.delete_request(SECRET, SECRET) {
            requests.push((provider.operation("delete"), delete.to_string()));
        }
    }
    let users = json!({ "users": [{ "userId": SECRET, "email": SECRET, "name": SECRET }] });
    requests.push(("users/save".to_owned(), users.to_string()));
    requests.push(("users/get".to_owned(), json!({ "userIds": [SECRET] }).to_string()));
    requests.push(("users/resolve".to_owned(), json!({ "organizationId": SECRET, "emails": [SECRET] }).to_string()));
    requests.push(("users/delete".to_owned(), json!({ "userIds": [SECRET] }).to_string()));
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_line_has_the_listed_fields_and_nothing_of_the_request() {
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

    let log = program.interrupt();
    assert!(!log.contains(SECRET), "{log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("operation=")).collect();
    assert_eq!(lines.len(), requests.len(), "one line a request");
    let fields = lines.iter().flat_map(|line| line.split_whitespace()).filter_map(|word| word.split_once('='));
    let fields: BTreeSet<String> = fields.map(|(name, _)| name.to_owned()).collect();
    assert!(fields.is_subset(&listed_fields()), "{fields:?}");
    assert!(fields.len() >= 9, "{fields:?}");
}
