//! The development server stands between page and function as the template's gateway does.

use regex_lite::Regex;
use shared::access::Access;
use yaml_serde::Value;

use crate::support::{functions, server};
use crate::template::{Template, argument, at, texts};

#[tokio::test(flavor = "multi_thread")]
async fn preflights_are_answered_as_deployed() {
    let server = server().await;
    let answer = reqwest::Client::new()
        .request(reqwest::Method::OPTIONS, format!("{}/api/velt/comments/get", server.url()))
        .header("origin", "http://localhost:5173")
        .header("access-control-request-method", "POST")
        .send()
        .await
        .unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();

    let template = Template::read();
    let cors = template.at("Resources.Api.Properties.CorsConfiguration");
    assert_eq!(cors["AllowCredentials"].as_bool().unwrap().to_string(), header("access-control-allow-credentials"));
    assert_eq!(cors["MaxAge"].as_u64().unwrap().to_string(), header("access-control-max-age"));
    assert_eq!(texts(&cors["AllowMethods"]).join(","), header("access-control-allow-methods"));
    let without_extra = &argument(&cors["AllowHeaders"], "If")[2];
    assert_eq!(texts(without_extra).join(","), header("access-control-allow-headers"));
}

#[test]
fn a_function_has_the_time_it_has_deployed() {
    let template = Template::read();
    assert_eq!(template.at("Globals.Function.Timeout").as_u64(), Some(local::TIMEOUT.as_secs()));
}

#[test]
fn an_origin_is_exact() {
    let template = Template::read();
    let pattern = at(template.at("Parameters"), "AllowedOrigins.AllowedPattern").as_str().unwrap();
    let pattern = Regex::new(pattern).unwrap();
    for (origin, allowed) in [
        ("https://app.example.com", true),
        ("http://localhost:5173", true),
        ("*", false),
        ("https://*.example.com", false),
        ("https://app.example.com/", false),
        ("app.example.com", false),
        ("", false),
    ] {
        assert_eq!(pattern.is_match(origin), allowed, "{origin}");
    }
}

/// Which calls to the table a function may make, and on which keys: those of its own feature, and of the files that it
/// deletes with a record.
fn calls(name: &str) -> Vec<(&'static str, String)> {
    let files = [("attachments", "attachments#*"), ("recordings", "recording-files#*")];
    let (feature, operation) = name.split_once('-').unwrap();
    let of_files =
        files.into_iter().find(|(name, _)| *name == feature || (feature, *name) == ("comments", "attachments"));
    let own = format!("{feature}#*");
    match (feature, operation) {
        (_, "get" | "resolve") if feature != "files" => vec![("Get", own)],
        ("files", "get") | ("uploads", "start") => files.map(|(_, keys)| ("Get", keys.to_owned())).into(),
        ("documents", "rekey") => {
            let features = ["comments", "reactions", "recordings", "activity", "notifications"];
            let own = features.map(|name| ("Save", format!("{name}#*")));
            own.into_iter().chain(files.map(|(_, keys)| ("Save", keys.to_owned()))).collect()
        }
        ("uploads", "finish") => files.map(|(_, keys)| ("Save", keys.to_owned())).into(),
        ("recordings", "upload") => vec![("Save", files[1].1.to_owned())],
        ("recordings", "upload-delete") => vec![("Delete", files[1].1.to_owned())],
        (_, "save") => vec![("Save", own)],
        ("comments" | "recordings", "delete") => vec![("Delete", own), ("Delete", of_files.unwrap().1.to_owned())],
        (_, "delete") => vec![("Delete", own)],
        _ => panic!("{name}: what may it do?"),
    }
}

#[test]
fn a_function_may_do_what_its_operation_does_to_its_own_feature() {
    let template = Template::read();
    let reads = ["dynamodb:BatchGetItem", "dynamodb:Query"];
    assert_eq!(texts(template.at("Mappings.Calls.Get.Actions")), reads);
    for (id, properties) in template.operations() {
        let name = properties["CodeUri"].as_str().unwrap().strip_prefix("target/lambda/").unwrap();
        let allowed = table_statements(properties).into_iter().map(|statement| {
            let action = texts(argument(&statement["Action"], "FindInMap"));
            assert_eq!((action[0], action[2]), ("Calls", "Actions"), "{id}");
            let keys = at(statement, "Condition.ForAllValues:StringLike.dynamodb:LeadingKeys");
            (action[1].to_owned(), keys.as_str().unwrap().to_owned())
        });
        let wanted = calls(name).into_iter().map(|(calls, keys)| (calls.to_owned(), keys));
        assert_eq!(allowed.collect::<Vec<_>>(), wanted.collect::<Vec<_>>(), "{id}");
    }
}

#[test]
fn only_functions_of_files_touch_a_bucket_and_only_their_prefixes() {
    let template = Template::read();
    for (id, properties) in template.operations() {
        let text = yaml_serde::to_string(&properties["Policies"]).unwrap();
        let touches = text.contains("s3:");
        let is_of_files = ["Attachments", "Uploads", "Files", "RecordingsUpload", "RecordingsDelete", "CommentsDelete"];
        assert_eq!(touches, is_of_files.iter().any(|name| id.starts_with(name)), "{id}");
        let (attachments, recordings) = (text.contains("attachments/*"), text.contains("recordings/*"));
        let both = id.starts_with("Uploads") || id.starts_with("Files");
        assert_eq!(attachments && recordings, both, "{id}");
        assert!(!text.contains("s3:*") && !text.contains("Bucket}/*"), "{id}");
    }
}

#[test]
fn buckets_are_private_and_encrypted_and_keep_what_is_there() {
    let template = Template::read();
    let buckets = template.resources("AWS::S3::Bucket");
    assert_eq!(buckets.len(), 2);
    for (id, bucket) in buckets {
        let blocked = bucket["PublicAccessBlockConfiguration"].as_mapping().unwrap();
        assert!(blocked.len() == 4 && blocked.values().all(|value| value.as_bool() == Some(true)), "{id}");
        assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
        let rules = bucket["LifecycleConfiguration"]["Rules"].as_sequence().unwrap();
        assert!(rules.iter().any(|rule| rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1), "{id}");
        let pending = rules.iter().find(|rule| rule["Prefix"] == storage::direct::PENDING).unwrap();
        assert_eq!(pending["ExpirationInDays"], 1);
        let policy = template.at(&format!("Resources.{id}Policy.Properties.PolicyDocument.Statement"));
        assert_eq!(policy[0]["Effect"], "Deny");
        assert_eq!(policy[0]["Condition"]["Bool"]["aws:SecureTransport"], false);
        assert_eq!(template.at(&format!("Resources.{id}.DeletionPolicy")), "Retain");
    }
}

/// The statements on the bundle's own table.
fn table_statements(properties: &Value) -> Vec<&Value> {
    let policies = properties["Policies"].as_sequence().unwrap().iter();
    let statements = policies.filter_map(|policy| policy.get("Statement")).flat_map(|list| list.as_sequence().unwrap());
    let statements = statements.map(|statement| match statement {
        // Reading a company's own table instead; the last is for this one.
        Value::Tagged(tagged) => tagged.value.as_sequence().unwrap().last().unwrap(),
        statement => statement,
    });
    statements.filter(|statement| matches!(statement["Action"], Value::Tagged(_))).collect()
}

/// Who may call is said by the operation and by its route alike.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_has_the_authorizer_of_its_operation() {
    let template = Template::read();
    let auth = template.at("Resources.Api.Properties.Auth");
    assert_eq!(auth["DefaultAuthorizer"], "Tokens");
    assert_eq!(auth["EnableIamAuthorizer"], true);
    assert_eq!(template.at("Globals.Function.Environment.Variables.AUTHORIZATION"), "required");
    let server = server().await;
    for function in functions(&server) {
        let of_function =
            |(_, properties): &(&str, &Value)| properties["CodeUri"] == format!("target/lambda/{}", function.name);
        let (_, properties) = template.operations().into_iter().find(of_function).unwrap();
        for route in function.routes() {
            let events = properties["Events"].as_mapping().unwrap().values().map(|event| &event["Properties"]);
            let mut deployed = events.filter(|deployed| {
                deployed["Path"] == route.path.as_str() && deployed["Method"] == route.method.as_str()
            });
            let (Some(deployed), None) = (deployed.next(), deployed.next()) else { panic!("{route}: once, not more") };
            let authorizer = deployed.get("Auth").map(|auth| auth["Authorizer"].as_str().unwrap());
            let expected = match route.access {
                Access::Read | Access::Write => None,
                Access::Backend => Some("AWS_IAM"),
                Access::Anybody => Some("NONE"),
            };
            assert_eq!(authorizer, expected, "{route}");
        }
        // No function with the right to write is for readers.
        let is_reader = matches!(function.access, Access::Read | Access::Anybody);
        let writes = calls(function.name).iter().any(|(calls, _)| *calls != "Get") || function.name == "uploads-start";
        assert_eq!(is_reader, !writes, "{}", function.name);
    }
}
