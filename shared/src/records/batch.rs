//! Writing and deleting many items of one record, 25 in a call. None of it is atomic: what is written here is reachable
//! only once the record's first item names it, and what is deleted here no first item names.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest};

use super::backoff::Backoff;
use super::item::{self, Item, numeral, text};
use super::key::{self, RecordKey};
use super::table::{EXPIRY, PARTITION, SORT};
use super::{Writer, in_parallel};
use crate::aws::failed;
use crate::{Error, notes};

/// Requests of one `BatchWriteItem`: DynamoDB's limit.
pub(super) const WRITES_PER_CALL: usize = 25;

/// Bytes of one `BatchWriteItem`: DynamoDB's limit is 16 MB, encoding included.
const BYTES_PER_CALL: usize = 6 * 1024 * 1024;

/// After this time DynamoDB may remove what an unfinished save left.
const UNFINISHED: Duration = Duration::from_hours(24);

impl Writer {
    /// Writes items that are to be named by a first item afterwards. First with an expiry, so that DynamoDB removes what
    /// is left when this function is stopped or the store fails in between; then again without, when all are there.
    ///
    /// *Rejected:* taking the expiry away after the first item names them. A function that is stopped in between would
    /// then leave a record that DynamoDB removes a day later.
    pub(super) async fn stage(&self, items: Vec<Item>) -> Result<(), Error> {
        let expires = (SystemTime::now() + UNFINISHED).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let expiring = items.iter().cloned().map(|mut item| {
            item.insert(EXPIRY.to_owned(), numeral(expires));
            item
        });
        self.put_all(expiring.collect()).await?;
        self.put_all(items).await
    }

    async fn put_all(&self, items: Vec<Item>) -> Result<(), Error> {
        let requests = items.into_iter().map(|item| {
            let bytes = item::size(&item);
            let put = PutRequest::builder().set_item(Some(item)).build();
            put.map(|put| (bytes, WriteRequest::builder().put_request(put).build()))
                .map_err(|error| Error::internal().caused_by(error))
        });
        self.write_all(requests.collect::<Result<_, _>>()?).await
    }

    /// Deletes items of the record's partition by their sort keys.
    pub(super) async fn delete_all(&self, key: &RecordKey, sorts: Vec<String>) -> Result<(), Error> {
        let requests = sorts.into_iter().filter(|sort| sort != key::RECORD).map(|sort| {
            let delete = DeleteRequest::builder().key(PARTITION, text(&key.partition)).key(SORT, text(sort)).build();
            delete
                .map(|delete| (1, WriteRequest::builder().delete_request(delete).build()))
                .map_err(|error| Error::internal().caused_by(error))
        });
        self.write_all(requests.collect::<Result<_, _>>()?).await
    }

    async fn write_all(&self, requests: Vec<(usize, WriteRequest)>) -> Result<(), Error> {
        let mut batches: Vec<(usize, Vec<WriteRequest>)> = Vec::new();
        for (bytes, request) in requests {
            match batches.last_mut() {
                Some((total, batch)) if batch.len() < WRITES_PER_CALL && *total + bytes <= BYTES_PER_CALL => {
                    *total += bytes;
                    batch.push(request);
                }
                _ => batches.push((bytes, vec![request])),
            }
        }
        in_parallel(batches.into_iter().map(|(_, batch)| self.write_batch(batch)).collect()).await.map(drop)
    }

    async fn write_batch(&self, mut batch: Vec<WriteRequest>) -> Result<(), Error> {
        let mut backoff = Backoff::default();
        loop {
            let asked = batch.len();
            let answer = self
                .table
                .client
                .batch_write_item()
                .request_items(&self.table.name, batch)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| failed("BatchWriteItem", &error))?;
            notes::wrote(answer.consumed_capacity());
            let rest = answer.unprocessed_items.and_then(|mut tables| tables.remove(&self.table.name));
            batch = rest.unwrap_or_default();
            if batch.is_empty() {
                return Ok(());
            }
            notes::throttled();
            if batch.len() == asked {
                backoff.wait().await?;
            }
        }
    }
}
