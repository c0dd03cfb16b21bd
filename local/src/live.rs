//! What a request did, as a line to watch while a frontend is being built.

use shared::line::Line;

/// The line of a request: status, operation, event, organization, counts and time, one below the other.
pub(crate) fn text(line: &Line) -> String {
    let Line { status, operation, items, dynamodb_calls, read_units, write_units, .. } = line;
    let (event, organization) = (line.event.unwrap_or("-"), line.organization.as_deref().unwrap_or("-"));
    let bytes = format!("{} B in, {} B out", line.request_bytes, line.response_bytes);
    let throttles = line.throttles.map(|throttles| format!("{throttles} throttled"));
    let told = [throttles, line.sdk_version.as_ref().map(|version| format!("SDK {version}"))];
    let told = told.into_iter().flatten().chain(line.code.map(str::to_owned)).chain(line.cause.clone());
    let text = format!(
        "{status} {operation:<24} {event:<29} {organization:<12} {items:>3} items {dynamodb_calls:>2} calls \
         {read_units:>5} RCU {write_units:>5} WCU {bytes:>26} {:>8.2} ms  {}",
        line.latency,
        told.collect::<Vec<_>>().join(", ")
    );
    text.trim_end().to_owned()
}
