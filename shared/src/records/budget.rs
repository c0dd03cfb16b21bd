//! What a request may still ask of DynamoDB.
//!
//! A read reserves what it may cost at most before it is sent, so that calls side by side cannot exceed the limits
//! together. Writes are bounded by what they are given, which is checked before the first of them; see
//! [`crate::limits`].

use crate::limits::{CALLS, UNITS};
use crate::{Error, notes};

/// Units of the largest item, 400 KB, read strongly consistent.
pub(super) const ITEM_UNITS: f64 = 100.0;

/// Units of one page of a query: 1 MB and the item that passes it, read strongly consistent.
pub(super) const PAGE_UNITS: f64 = 256.0 + ITEM_UNITS;

/// Units of one `BatchGetItem`: 16 MB and the item that passes them.
const BATCH_UNITS: f64 = 4_096.0 + ITEM_UNITS;

/// Keys of one `BatchGetItem`: DynamoDB's limit.
pub(super) const KEYS_PER_CALL: usize = 100;

/// A call that may cost so many units; given back when it is dropped, by when its true cost is noted.
#[derive(Debug)]
pub(super) struct Reserved(f64);

impl Drop for Reserved {
    fn drop(&mut self) {
        notes::reserve(-self.0);
    }
}

/// Calls and units that are left.
fn left() -> (u32, f64) {
    notes::spent().map_or((CALLS, UNITS), |spent| {
        (CALLS.saturating_sub(spent.calls), UNITS - spent.read_units - spent.write_units)
    })
}

/// Calls that are left.
pub(super) fn calls_left() -> u32 {
    left().0
}

/// Calls that reading and changing one record takes, with an attempt that somebody else is in the way of.
const RECORD_CALLS: u32 = 10;

/// Units of changing the largest inline record, in the table and in two indexes, and of the page that it is read with.
const RECORD_UNITS: f64 = 1_200.0 + PAGE_UNITS;

/// Whether a record of the largest inline size may still be read and changed.
pub(super) fn is_left_for_a_record() -> bool {
    let (calls, units) = left();
    calls >= RECORD_CALLS && units >= RECORD_UNITS
}

/// Reserves one call that reads.
///
/// # Errors
/// [`Error::too_much_to_read`]: the request has spent what it may.
pub(super) fn reserve(units: f64) -> Result<Reserved, Error> {
    let (calls, left) = left();
    if calls == 0 || left < units {
        return Err(Error::too_much_to_read());
    }
    notes::reserve(units);
    Ok(Reserved(units))
}

/// How many keys the next `BatchGetItem` may have, and its reservation: all that one call takes while the budget lasts,
/// and then as many of the largest items as are left of it.
///
/// # Errors
/// As [`reserve`].
pub(super) fn reserve_batch(wanted: usize) -> Result<(usize, Reserved), Error> {
    let (_, left) = left();
    let wanted = wanted.min(KEYS_PER_CALL);
    let worst = |count: usize| (f64::from(u32::try_from(count).unwrap_or(u32::MAX)) * ITEM_UNITS).min(BATCH_UNITS);
    let fitting = (1..=wanted).rev().find(|count| worst(*count) <= left).unwrap_or(1);
    Ok((fitting, reserve(worst(fitting))?))
}
