//! The template's table is the one that the operations are tested with.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{KeySchemaElement, KeyType};
use shared::records::table::EXPIRY;
use yaml_serde::Value;

use crate::support::server;
use crate::template::Template;

/// An index, or the table itself: its name, its keys, what it holds.
type Keys = (String, Vec<(String, String)>, String);

fn of_template(name: &str, properties: &Value, projection: &str) -> Keys {
    let keys = properties["KeySchema"].as_sequence().unwrap().iter();
    let keys = keys.map(|key| (text(&key["AttributeName"]), text(&key["KeyType"])));
    (name.to_owned(), keys.collect(), projection.to_owned())
}

fn of_store(name: &str, keys: &[KeySchemaElement], projection: &str) -> Keys {
    let keys = keys.iter().map(|key| (key.attribute_name.clone(), KeyType::as_str(&key.key_type).to_owned()));
    (name.to_owned(), keys.collect(), projection.to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_defines_the_table_that_is_tested() {
    let template = Template::read();
    let deployed = template.at("Resources.Table.Properties");
    let mut defined = BTreeSet::from([of_template("", deployed, "")]);
    for index in deployed["GlobalSecondaryIndexes"].as_sequence().unwrap() {
        let projection = text(&index["Projection"]["ProjectionType"]);
        defined.insert(of_template(index["IndexName"].as_str().unwrap(), index, &projection));
    }

    let server = server().await;
    let table =
        server.dynamodb().describe_table().table_name(server.environment.get("TABLE_NAME")).send().await.unwrap();
    let table = table.table.unwrap();
    let mut tested = BTreeSet::from([of_store("", table.key_schema(), "")]);
    for index in table.global_secondary_indexes() {
        let projection = index.projection().unwrap().projection_type().unwrap();
        tested.insert(of_store(index.index_name().unwrap(), index.key_schema(), projection.as_str()));
    }
    assert_eq!(defined, tested);

    let attributes = deployed["AttributeDefinitions"].as_sequence().unwrap().iter();
    let attributes = attributes.map(|attribute| (text(&attribute["AttributeName"]), text(&attribute["AttributeType"])));
    let known = table.attribute_definitions().iter();
    let known = known.map(|known| (known.attribute_name.clone(), known.attribute_type.as_str().to_owned()));
    assert_eq!(attributes.collect::<BTreeSet<_>>(), known.collect());
}

#[test]
fn markers_expire_and_data_stays() {
    let template = Template::read();
    let table = template.at("Resources.Table");
    let properties = &table["Properties"];
    assert_eq!(properties["TimeToLiveSpecification"]["AttributeName"], EXPIRY);
    assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(properties["DeletionProtectionEnabled"], true);
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!((&table["DeletionPolicy"], &table["UpdateReplacePolicy"]), (&"Retain".into(), &"Retain".into()));
}
