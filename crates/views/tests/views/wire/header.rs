//! Headers of different versions.

use pganalytics_views::wire::{Header, Limits, MAX_ERROR, Status, decode_header, encode};
use uuid::Uuid;

use super::header;

#[test]
fn headers_with_and_without_a_status_can_be_read() {
    let bytes = encode(header(), &[], &Limits::default()).expect("a small batch");
    assert_eq!(decode_header(&bytes, &Limits::default()).expect("an encoded batch").status, header().status);
    // As an older collector writes it, and as a newer one might.
    let status = |status: &str| {
        let text = format!(
            r#"{{"collector":"{}","collector_name":"c","sequence":1,"created_us":1,"version":"0"{status},"frames":[]}}"#,
            Uuid::from_u128(7)
        );
        serde_json::from_str::<Header>(&text).expect("a header").status
    };
    assert_eq!(status(""), None);
    let some = status(r#","status":{"spool_batches":3,"unknown":[1]}"#);
    assert_eq!(some, Some(Status { spool_batches: 3, ..Status::default() }));
    let plain = serde_json::to_string(&Header { status: None, ..header() }).expect("JSON");
    assert!(!plain.contains("status"), "{plain}");
}

#[test]
fn an_error_in_the_status_becomes_one_short_line() {
    let status = Status { last_error: Some(format!("a\nb\u{1b}[31m{}", "é".repeat(1_000))), ..Status::default() };
    let bytes = encode(Header { status: Some(status), ..header() }, &[], &Limits::default()).expect("a small batch");
    let read = decode_header(&bytes, &Limits::default()).expect("an encoded batch").status.and_then(|status| status.last_error);
    let error = read.expect("an error");
    assert!(error.len() <= MAX_ERROR && error.starts_with("a b ") && !error.contains(char::is_control), "{error}");
}
