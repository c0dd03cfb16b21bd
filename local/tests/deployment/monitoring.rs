//! The dashboard and the alarms name what the functions report, and each of it.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::{Value, json};

use crate::support::{listed_fields, read};
use crate::template::{Template, argument};

/// A metric's name, and the dimensions that it is counted by.
type Metrics = BTreeSet<(String, Vec<String>)>;

/// What the functions report, and what is counted in the logs.
fn reported(template: &Template) -> Metrics {
    let metrics = shared::line::metrics().into_iter();
    let mut reported: Metrics = metrics
        .map(|(metric, by)| (metric.name.to_owned(), by.iter().map(|&name| name.to_owned()).collect()))
        .collect();
    for (_, filter) in template.resources("AWS::Logs::MetricFilter") {
        let metric = &filter["MetricTransformations"][0];
        let dimensions =
            metric.get("Dimensions").map(|list| list.as_sequence().unwrap().as_slice()).unwrap_or_default();
        let dimensions = dimensions.iter().map(|dimension| dimension["Key"].as_str().unwrap().to_owned());
        reported.insert((metric["MetricName"].as_str().unwrap().to_owned(), dimensions.collect()));
    }
    reported
}

/// The dashboard's widgets, with names in the place of what AWS fills in.
fn widgets(template: &Template) -> Vec<Value> {
    let body = argument(template.at("Resources.Dashboard.Properties.DashboardBody"), "Sub").as_str().unwrap();
    let body = body.replace("${SlowMilliseconds}", "1000").replace("${!", "${");
    let dashboard: Value = serde_json::from_str(&body).unwrap();
    dashboard["widgets"].as_array().unwrap().clone()
}

#[test]
fn the_dashboard_shows_each_metric() {
    const NAMESPACE: &str = "${AWS::StackName}";
    let template = Template::read();
    let search =
        Regex::new(r#"^SEARCH\('\{"\$\{AWS::StackName\}",([a-z_,]+)\} MetricName="(\w+)"', 'Sum', 300\)$"#).unwrap();
    let mut shown = Metrics::new();
    for widget in widgets(&template) {
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            if metric[0] == NAMESPACE {
                assert!(metric[2].is_object() || metric[2].is_null(), "{metric} has dimensions");
                shown.insert((metric[1].as_str().unwrap().to_owned(), Vec::new()));
            }
            if let Some(expression) = metric[0]["expression"].as_str() {
                let found = search.captures(expression).unwrap_or_else(|| panic!("{expression}"));
                shown.insert((found[2].to_owned(), found[1].split(',').map(str::to_owned).collect()));
            }
        }
    }
    assert_eq!(shown, reported(&template));
}

#[test]
fn the_dashboard_shows_how_long_each_function_takes() {
    let template = Template::read();
    let widgets = widgets(&template);
    let durations = widgets.iter().find(|widget| widget["properties"]["metrics"][0][1] == "Duration").unwrap();
    let shown = durations["properties"]["metrics"].as_array().unwrap().iter();
    let shown: BTreeSet<String> = shown.map(|metric| metric.as_array().unwrap().last().unwrap().to_string()).collect();
    let functions = template.resources("AWS::Serverless::Function").into_iter();
    assert_eq!(shown, functions.map(|(id, _)| format!("\"${{{id}}}\"")).collect());
}

#[test]
fn the_dashboard_asks_the_log_for_fields_that_it_has() {
    let logged = listed_fields();
    let widgets = widgets(&Template::read());
    let queries: Vec<&str> = widgets.iter().filter_map(|widget| widget["properties"]["query"].as_str()).collect();
    assert_eq!(queries.len(), 2);
    for query in queries {
        let (_, fields) = query.split_once("| fields ").unwrap();
        for field in fields.split_once(" |").unwrap().0.split(", ") {
            assert!(field == "@timestamp" || logged.contains(field), "{field}");
        }
        // An organization's or a person's name is not for a wall.
        assert!(!query.contains("organization"), "{query}");
    }
}

#[test]
fn the_access_log_has_what_is_counted_in_it() {
    let template = Template::read();
    let format = template.at("Resources.Api.Properties.AccessLogSettings.Format").as_str().unwrap();
    let pattern = template.at("Resources.GatewayThrottles.Properties.FilterPattern").as_str().unwrap();
    let compared = Regex::new(r#"\$\.(\w+) = "429""#).unwrap();
    let compared: BTreeSet<&str> =
        compared.captures_iter(pattern).map(|found| found.get(1).unwrap().as_str()).collect();
    assert_eq!(compared, BTreeSet::from(["status", "functionStatus"]));
    for (field, variable) in [("status", "$context.status"), ("functionStatus", "$context.integrationStatus")] {
        assert!(format.contains(&format!(r#""{field}":"{variable}""#)), "{field} is no text");
    }
    // A metric of each route would be paid for.
    let settings = template.at("Resources.Api.Properties.DefaultRouteSettings");
    assert_eq!(settings["DetailedMetricsEnabled"], false);
}

#[test]
fn each_alarm_says_what_to_do_and_whom_it_tells() {
    let template = Template::read();
    let alarms = template.resources("AWS::CloudWatch::Alarm");
    assert_eq!(alarms.len(), 5);
    let reported = reported(&template);
    let guide = read("docs/deploy.md");
    for (id, alarm) in alarms {
        assert!(guide.contains(&format!("`{id}`")), "docs/deploy.md says nothing of {id}");
        assert!(alarm["AlarmDescription"].as_str().unwrap().contains("dashboard"), "{id}");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{id}");
        for actions in ["AlarmActions", "OKActions"] {
            let actions = argument(&alarm[actions], "If");
            assert_eq!(
                (&actions[0], argument(&actions[1][0], "Ref")),
                (&"HasAlarmTopic".into(), &"AlarmTopicArn".into())
            );
        }
        for query in alarm.get("Metrics").map(|list| list.as_sequence().unwrap().as_slice()).unwrap_or_default() {
            let Some(metric) = query.get("MetricStat").map(|statistic| &statistic["Metric"]) else { continue };
            if metric["Namespace"] != "AWS/Lambda" {
                assert_eq!(argument(&metric["Namespace"], "Ref"), "AWS::StackName");
                let name = metric["MetricName"].as_str().unwrap();
                assert!(reported.contains(&(name.to_owned(), Vec::new())), "{id}: {name}");
            }
        }
    }
}

#[test]
fn nothing_is_paid_for_without_monitoring() {
    let template = Template::read();
    for (id, resource) in template.at("Resources").as_mapping().unwrap() {
        let kind = resource["Type"].as_str().unwrap();
        let is_monitoring = kind.starts_with("AWS::CloudWatch::") || kind == "AWS::Logs::MetricFilter";
        let has_condition = resource.get("Condition").is_some_and(|condition| condition == "HasMonitoring");
        assert_eq!(is_monitoring, has_condition, "{id:?}");
    }
}

/// Whether CloudWatch Logs would take a line by a filter: terms of `$.field = value`, all of them or, with `||`, any.
fn takes(pattern: &str, line: &Value) -> bool {
    let terms = pattern.trim_start_matches("{ ").trim_end_matches(" }");
    let holds = |term: &str| {
        let (field, value) = term.trim().trim_start_matches("$.").split_once(" = ").unwrap();
        let found = &line[field];
        if value == "*" { !found.is_null() } else { *found == serde_json::from_str::<Value>(value).unwrap() }
    };
    if terms.contains("||") { terms.split("||").any(holds) } else { terms.split("&&").all(holds) }
}

#[test]
fn each_filter_counts_its_own_lines() {
    let template = Template::read();
    let taken = |line: Value| -> Vec<String> {
        let filters = template.resources("AWS::Logs::MetricFilter").into_iter();
        let filters = filters.filter(|(_, filter)| takes(filter["FilterPattern"].as_str().unwrap(), &line));
        filters
            .map(|(_, filter)| filter["MetricTransformations"][0]["MetricName"].as_str().unwrap().to_owned())
            .collect()
    };
    let authorizer = |rest: Value| {
        let mut line = rest;
        line["operation"] = "authorizer".into();
        line
    };
    let none: [&str; 0] = [];
    assert_eq!(taken(authorizer(json!({ "status": 200, "latency": 0.2 }))), none);
    assert_eq!(taken(authorizer(json!({ "status": 401, "code": "EXPIRED" }))), ["refusals"]);
    assert_eq!(taken(authorizer(json!({ "cause": "keys" }))), ["key_failures"]);
    assert_eq!(taken(authorizer(json!({ "code": "NOT_CONFIGURED", "cause": "a setting" }))), ["key_failures"]);
    assert_eq!(taken(json!({ "operation": "links", "cause": "keys" })), ["key_failures"]);
    assert_eq!(taken(json!({ "operation": "comments-get", "status": 403, "code": "FORBIDDEN" })), none);
    assert_eq!(taken(json!({ "operation": "comments-get", "status": 500, "cause": "Query: x" })), none);
    assert_eq!(taken(json!({ "status": "429" })), ["gateway_throttles"]);
    assert_eq!(taken(json!({ "status": "500", "functionStatus": "429" })), ["gateway_throttles"]);
    assert_eq!(taken(json!({ "status": "200", "functionStatus": "200" })), none);
}
