//! What the stack prints for the frontend.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::Value;

use crate::one_list::operations;
use crate::template::{Template, argument};

/// The output as a frontend has it, with `headers` resolved to null.
fn data_providers() -> Value {
    let template = Template::read();
    let value = argument(template.at("Outputs.DataProviders.Value"), "Sub");
    let text = value[0].as_str().unwrap().replace("${Base}", "https://api.example.com/api/velt");
    assert!(!text.contains('\n'), "one line can be pasted anywhere");
    // JavaScript's object literals are JSON with bare names.
    let text = text.replace(", headers }", ", headers: null }");
    let json = Regex::new(r"(\w+): ").unwrap().replace_all(&text, "\"$1\": ").into_owned();
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// The endpoints below a provider: the config that calls it, and its path.
fn endpoints(provider: &Value, found: &mut Vec<(String, String)>) {
    for (name, value) in provider.as_object().unwrap() {
        match value.get("url") {
            Some(url) => {
                let path = url.as_str().unwrap().strip_prefix("https://api.example.com").unwrap();
                assert!(value.as_object().unwrap().contains_key("headers"), "{path} is called without a token");
                found.push((name.clone(), path.to_owned()));
            }
            None => endpoints(value, found),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_the_data_providers_is_in_what_is_pasted() {
    let providers = data_providers();
    let names: BTreeSet<&str> = providers.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = ["activity", "attachment", "comment", "notification", "reaction", "recorder", "user"];
    assert_eq!(names, BTreeSet::from(wanted));
    assert_eq!(providers["recorder"]["storage"]["config"].as_object().unwrap().len(), 2);

    let mut found = Vec::new();
    endpoints(&providers, &mut found);
    for (config, path) in &found {
        let operation = path.rsplit('/').next().unwrap();
        let wanted = match config.as_str() {
            "getConfig" => operation == "get",
            "saveConfig" => operation == "save" || operation == "upload",
            "deleteConfig" => operation == "delete",
            _ => false,
        };
        assert!(wanted, "{config} calls {path}");
    }
    let found: BTreeSet<String> = found.into_iter().map(|(_, path)| path).collect();

    // Not of a browser, of a callback, or of a link.
    let others = [
        "documents-rekey",
        "notifications-save",
        "users-save",
        "users-delete",
        "users-resolve",
        "uploads-start",
        "uploads-finish",
        "files-get",
    ];
    let operations = operations().await.into_iter().filter(|(name, _)| !others.contains(&name.as_str()));
    let paths = operations.map(|(_, route)| route.split_once(' ').unwrap().1.to_owned());
    assert_eq!(found, paths.collect());
}
