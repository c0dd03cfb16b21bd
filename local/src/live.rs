//! What a request did, as a line to watch while a frontend is being built.

use shared::line::Line;

/// The line of a request: status, operation, event, organization, counts and time, one below the other.
pub(crate) fn text(line: &Line) -> String {
    let Line { status, operation, items, dynamodb_calls, read_units, write_units, latency, .. } = line;
    // An id may hold anything, and a line is one line.
    let organization = line.organization.as_deref().unwrap_or("-").escape_debug().to_string();
    let event = line.event.unwrap_or("-");
    let (bytes_in, bytes_out) = (line.request_bytes, line.response_bytes);
    let throttles = line.throttles.map(|throttles| format!("{throttles} throttled"));
    let told = [throttles, line.sdk_version.as_ref().map(|version| format!("SDK {version}"))];
    let told = told.into_iter().flatten().chain(line.code.map(str::to_owned)).chain(line.cause.clone());
    let text = format!(
        "{status} {operation:<24} {event:<29} {organization:<12} items {items:<3} calls {dynamodb_calls:<2} \
         RCU {read_units:<4} WCU {write_units:<4} in {bytes_in:<7} out {bytes_out:<7} {latency:>7.2} ms  {}",
        told.collect::<Vec<_>>().join(", ")
    );
    text.trim_end().to_owned()
}
