//! What is noted while a request is served, for the log line, the metrics, and tests that hold operations to a price.

use std::cell::RefCell;
use std::future::Future;

use aws_sdk_dynamodb::types::ConsumedCapacity;

use crate::contract::{Id, Metadata};
use crate::events;

/// The longest organization id that is logged whole, in bytes.
const LONGEST_LOGGED: usize = 128;

/// What was noted of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    /// What it asked of DynamoDB.
    pub usage: Usage,
    /// Attempts that a store throttled; the SDK repeats them.
    pub throttles: u32,
    /// The organization that it was let in to, or refused; the first, where it names several.
    pub organization: Option<String>,
    /// The pseudonym of its user.
    pub user: Option<String>,
    /// What happened in the app: one of [`events::EVENTS`], or [`events::OTHER`].
    pub event: Option<&'static str>,
    /// Velt's SDK that sent it, as `6.0.6`.
    pub sdk_version: Option<String>,
    /// What calls under way may cost at most.
    reserved: Usage,
    /// How many bytes of compressed values were read, as they are uncompressed.
    text_bytes: usize,
}

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
    static NOTES: RefCell<Notes>;
}

/// Awaits `work` and tells what was noted meanwhile.
pub async fn taken<F: Future>(work: F) -> (F::Output, Notes) {
    NOTES
        .scope(RefCell::default(), async {
            let output = work.await;
            (output, NOTES.with(RefCell::take))
        })
        .await
}

/// What the request has used and reserved so far; none outside [`taken`], where nothing is bounded.
pub(crate) fn spent() -> Option<Usage> {
    NOTES
        .try_with(|notes| {
            let Notes { usage, reserved, .. } = &*notes.borrow();
            Usage {
                calls: usage.calls + reserved.calls,
                read_units: usage.read_units + reserved.read_units,
                write_units: usage.write_units,
            }
        })
        .ok()
}

/// Notes that values were uncompressed to so many bytes; how many there were so far.
pub(crate) fn text_bytes(bytes: usize) -> usize {
    let mut total = bytes;
    note(|notes| {
        notes.text_bytes += bytes;
        total = notes.text_bytes;
    });
    total
}

/// Reserves, or with negative units gives back, one call that may cost so many read units.
pub(crate) fn reserve(read_units: f64) {
    note(|notes| {
        let reserved = &mut notes.reserved;
        reserved.read_units += read_units;
        reserved.calls = if read_units < 0.0 { reserved.calls.saturating_sub(1) } else { reserved.calls + 1 };
    });
}

/// Notes what a request says happened.
pub fn event(event: Option<&str>) {
    let event = event.map(events::known);
    note(|notes| notes.event = event);
}

/// Notes what the caller is called in the log.
pub(crate) fn user(pseudonym: Option<String>) {
    note(|notes| notes.user = pseudonym);
}

/// Notes an organization that the caller was let in to, or refused.
pub(crate) fn organization(organization: &Id) {
    note(|notes| {
        notes.organization.get_or_insert_with(|| {
            let id = organization.as_str();
            id[..id.floor_char_boundary(LONGEST_LOGGED)].to_owned()
        });
    });
}

/// Notes which SDK sent the request. [`crate::scope::Caller::scope`] does it for operations of one organization.
pub fn sender(metadata: &Metadata) {
    note(|notes| notes.sdk_version.clone_from(&metadata.sdk_version));
}

/// Notes an attempt that was throttled.
pub(crate) fn throttled() {
    note(|notes| notes.throttles += 1);
}

/// Notes a call that reads.
pub(crate) fn read<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    let units = total(consumed);
    note(|notes| {
        notes.usage.calls += 1;
        notes.usage.read_units += units;
    });
}

/// Notes a call that writes.
pub(crate) fn wrote<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
    let units = total(consumed);
    note(|notes| {
        notes.usage.calls += 1;
        notes.usage.write_units += units;
    });
}

fn total<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

fn note(change: impl FnOnce(&mut Notes)) {
    // Outside `taken` nobody asked.
    let _ = NOTES.try_with(|notes| change(&mut notes.borrow_mut()));
}
