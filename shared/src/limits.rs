//! What one request may ask for. Each limit is told in the README's table, and a test holds the two equal.
//!
//! A request makes at most [`CALLS`] calls to DynamoDB and costs at most [`UNITS`] capacity units. The limits on what a
//! request may name follow from these two, so that a request which is too large is refused before its first call.

use crate::Error;
use crate::json::Fields;

/// Most calls to DynamoDB that one request makes.
pub const CALLS: u32 = 100;

/// Most capacity units, read and write together, that one request costs.
pub const UNITS: f64 = 5_000.0;

/// Most ids of one get. 100 of them are one call, and an id costs a unit at least.
pub const IDS: usize = 1_000;

/// Most documents of one get: each is a query of at least one call.
pub const DOCUMENTS: usize = 100;

/// Most emails of one request: each is up to two queries.
pub const EMAILS: usize = 50;

/// Most records of one save: an empty one costs 5 units in a transaction, and larger ones meet [`UNITS`] first.
pub const RECORDS: usize = 500;

/// Most fields and comments of all the records of one save together.
pub const VALUES: usize = 10_000;

/// Refuses a save of too many records, or of too many fields in all; `field` is what the request calls its records.
/// Comments are counted where a thread is taken apart.
///
/// # Errors
/// [`Error::invalid`] and [`Error::too_many_values`], which name the field and the limit.
pub fn check_records<'a>(field: &str, records: impl ExactSizeIterator<Item = &'a Fields>) -> Result<(), Error> {
    Error::unless_within(RECORDS, field, records.len())?;
    let values: usize = records.map(Fields::len).sum();
    if values > VALUES { Err(Error::too_many_values(field, values)) } else { Ok(()) }
}

/// The longest name of a field, in bytes.
pub const FIELD_NAME_BYTES: usize = 80_000;

/// Most text of one record, in bytes: what a function with 512 MB reads, changes and answers.
pub const RECORD_TEXT_BYTES: usize = 16_000_000;

/// Most text of large records that one request reads, in bytes: compressed, much more would be within [`UNITS`], and no
/// answer could hold it.
pub const READ_TEXT_BYTES: usize = 40_000_000;

/// The largest record, in bytes when compressed: with gzip, a get can answer it.
///
/// A function returns 6 MB in all, and compressed answers as base64, which is a third longer.
pub const RECORD_BYTES: usize = 4_400_000;
