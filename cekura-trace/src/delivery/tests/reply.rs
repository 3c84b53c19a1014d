//! What is read from replies as servers really write them.

use super::{Answer, Duration, EXCERPT, HeaderMap, RETRY_AFTER, Reader, SystemTime};
use http::HeaderValue;

fn wait(text: &str) -> Option<Duration> {
    let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
    match Reader::new(&HeaderMap::new()).http(429, &headers, b"") {
        Answer::Http { wait, .. } => wait,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wait_is_seconds_or_a_date() {
    assert_eq!(wait("30"), Some(Duration::from_secs(30)));
    assert_eq!(wait(" 600 "), Some(Duration::from_secs(600)));
    assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
    let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
    let read = wait(&soon).unwrap();
    assert!(read > Duration::from_secs(90) && read <= Duration::from_secs(100), "{read:?}");
    for junk in ["", "soon", "-1", "1.5", "99999999999999999999999", "Wed, 99 Oct"] {
        assert_eq!(wait(junk), None, "{junk:?}");
    }
}

#[test]
fn a_servers_words_are_short_and_without_secrets() {
    let mut key = HeaderValue::from_static("canary");
    key.set_sensitive(true);
    let reader = Reader::new(&HeaderMap::from_iter([(http::header::AUTHORIZATION, key)]));
    assert_eq!(reader.text("no\nkey canary\u{7}"), "no key [REDACTED]");
    assert_eq!(reader.text(&"é".repeat(10_000)).chars().count(), EXCERPT);
}

#[test]
fn a_secret_is_recognised_as_json_may_spell_it() {
    let mut key = HeaderValue::from_static("ca/na+\"ry");
    key.set_sensitive(true);
    let reader = Reader::new(&HeaderMap::from_iter([(http::header::AUTHORIZATION, key)]));
    let said = r#"{"a\n": "ca/na+\"ry é ca\/na\u002b\u0022ry \u0063a\/na+\"ry", "b": "ca\\/na+\"ry ca/na"}"#;
    let expected = r#"{"a\n": "[REDACTED] é [REDACTED] [REDACTED]", "b": "[REDACTED] ca/na"}"#;
    assert_eq!(reader.redacted(said), expected);
}

#[cfg(feature = "grpc")]
#[test]
fn details_of_a_grpc_status_may_be_anything() {
    let reader = Reader::new(&HeaderMap::new());
    for junk in [&b""[..], b"junk", &[0xff; 100], &[0x1a, 0x02, 0x0a, 0x00]] {
        let answer = reader.grpc(14, "busy", junk);
        assert_eq!(answer, Answer::Grpc { code: 14, wait: None, message: "busy".to_owned() });
    }
}

#[test]
fn success_must_be_otlp() {
    let reader = Reader::new(&HeaderMap::new());
    assert_eq!(reader.accepted(b""), Answer::Accepted { rejected: 0, message: String::new() });
    for body in [&b"OK"[..], b"<html>", b"{\"error\": 1}", &[0xff]] {
        assert!(matches!(reader.accepted(body), Answer::Unexpected { .. }), "{body:?}");
    }
    let negative = [0x0a, 0x0b, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(reader.accepted(&negative), Answer::Accepted { rejected: 0, message: String::new() });
}
