//! What a request asks of DynamoDB: calls and capacity, for the log line and for tests that hold operations to a price.

use std::cell::Cell;
use std::future::Future;

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// What a request asked of DynamoDB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Calls, a retried one counted once, each page of a query as one.
    pub calls: u32,
    /// Read capacity units: half of one for each 4 KB, twice that when strongly consistent.
    pub read_units: f64,
    /// Write capacity units: one for each KB of the item and of each index entry that changes, twice that in transactions.
    pub write_units: f64,
}

tokio::task_local! {
    static USAGE: Cell<Usage>;
}

/// Awaits `work` and tells what it asked of DynamoDB.
pub async fn measured<F: Future>(work: F) -> (F::Output, Usage) {
    USAGE
        .scope(Cell::default(), async {
            let output = work.await;
            (output, USAGE.with(Cell::get))
        })
        .await
}

/// Notes a call that reads.
pub(crate) fn read<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    let units = total(consumed);
    add(|usage| usage.read_units += units);
}

/// Notes a call that writes.
pub(crate) fn wrote<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    let units = total(consumed);
    add(|usage| usage.write_units += units);
}

fn total<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

fn add(change: impl FnOnce(&mut Usage)) {
    // Outside `measured` nobody asked.
    let _ = USAGE.try_with(|cell| {
        let mut usage = cell.get();
        usage.calls += 1;
        change(&mut usage);
        cell.set(usage);
    });
}
