//! The table: one definition, that `template.yaml` repeats (a test holds the two against each other).

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};

/// The partition key: feature, organization and id.
pub const PARTITION: &str = "PK";
/// The sort key: the record itself, or a piece of a wide one.
pub const SORT: &str = "SK";
/// When DynamoDB may remove the item, in seconds since 1970. Only markers have it.
pub const EXPIRY: &str = "ttl";

/// A secondary index. Each has the table's partition key as its sort key, so that pages come in a stable order.
#[derive(Debug)]
pub struct Index {
    /// The index's name.
    pub name: &'static str,
    /// The attribute that is its partition key.
    pub partition: &'static str,
    /// Whether it holds whole items, or keys alone.
    pub whole: bool,
}

/// Finds the records of a document: feature, organization and document.
pub const BY_DOCUMENT: Index = Index { name: "GSI1", partition: "GSI1PK", whole: true };
/// Finds the records of a folder: feature, organization and folder.
pub const BY_FOLDER: Index = Index { name: "GSI2", partition: "GSI2PK", whole: true };
/// Finds the records of an organization: feature, organization and one of [`ORGANIZATION_SHARDS`] shards.
///
/// Keys alone: it is written once in a record's life, and read rarely.
pub const BY_ORGANIZATION: Index = Index { name: "GSI3", partition: "GSI3PK", whole: false };

/// Every index of the table.
pub const INDEXES: [&Index; 3] = [&BY_DOCUMENT, &BY_FOLDER, &BY_ORGANIZATION];

/// Over how many partitions of the index an organization's records are spread.
///
/// One partition takes 1,000 writes a second; this many let one organization create 8,000 records a second.
pub const ORGANIZATION_SHARDS: u8 = 8;

/// Creates the table as the template does, for an embedded store. An existing one is left as it is.
///
/// # Errors
/// The store refused.
pub async fn create(client: &Client, name: &str) -> Result<(), Box<SdkError<CreateTableError>>> {
    let attributes = [PARTITION, SORT].into_iter().chain(INDEXES.map(|index| index.partition));
    let created = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.map(attribute).collect()))
        .key_schema(key(PARTITION, KeyType::Hash))
        .key_schema(key(SORT, KeyType::Range))
        .set_global_secondary_indexes(Some(INDEXES.map(secondary).to_vec()))
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => Ok(()),
        Err(error) => Err(Box::new(error)),
    }
}

fn secondary(index: &Index) -> GlobalSecondaryIndex {
    let projected = if index.whole { ProjectionType::All } else { ProjectionType::KeysOnly };
    #[expect(clippy::expect_used, reason = "the builder fails only where a name or a key is left out")]
    GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .key_schema(key(index.partition, KeyType::Hash))
        .key_schema(key(PARTITION, KeyType::Range))
        .projection(Projection::builder().projection_type(projected).build())
        .build()
        .expect("an index has a name and a key")
}

#[expect(clippy::expect_used, reason = "the builder fails only where the name or the type is left out")]
fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key has a name and a type")
}

#[expect(clippy::expect_used, reason = "the builder fails only where the name or the type is left out")]
fn attribute(name: &str) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .expect("an attribute has a name and a type")
}
