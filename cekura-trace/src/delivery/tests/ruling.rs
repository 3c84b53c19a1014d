//! Every answer of the API and what it means for a call log.

use super::{Duration, Response, Ruling, asked, posted};
use crate::arbitrary::{config, json};
use crate::delivery::transport::Failure;
use proptest::prelude::{any, prop_assert, proptest};

fn whole(status: u16, body: &str) -> Response {
    Response::Whole { status, wait: Some(Duration::from_secs(7)), body: body.to_owned() }
}

fn none(was_sent: bool) -> Response {
    Response::None { failure: Failure::Timeout, was_sent, message: "no answer in time".to_owned() }
}

/// A ruling as one line.
fn line(ruling: &Ruling) -> String {
    match ruling {
        Ruling::Ask(trouble) => format!("ask, {trouble}"),
        Ruling::Fail(error) => format!("fail: {error}"),
        Ruling::Missing => "missing".to_owned(),
        Ruling::NextPage => "next page".to_owned(),
        Ruling::Retry(trouble) => format!("retry after {:?}, {trouble}", trouble.wait),
        Ruling::RetryTwice(trouble) => format!("retry twice, {trouble}"),
        Ruling::Stored { id, already_existed } => format!("stored {id:?} {already_existed}"),
    }
}

#[test]
fn every_answer_to_a_post_has_its_ruling() {
    let redirect = "fail: unexpected answer: HTTP status 302 with a redirect, which is not followed; check CEKURA_API_URL";
    let junk = "fail: unexpected answer: HTTP status 201 with a body that is not JSON; the call may be stored; check CEKURA_API_URL";
    let owner = "check CEKURA_API_KEY and CEKURA_AGENT_ID or CEKURA_PROJECT_ID";
    for (status, body, expected) in [
        (201, r#"{"id": 7}"#, "stored Some(\"7\") false".to_owned()),
        (201, r#"{"id": "a7"}"#, "stored Some(\"a7\") false".to_owned()),
        (200, "{}", "stored None false".to_owned()),
        (201, "<html>", junk.to_owned()),
        (201, "", junk.to_owned()),
        (201, "[1]", junk.to_owned()),
        (302, "", redirect.to_owned()),
        (409, "exists", "stored None true".to_owned()),
        (409, r#"{"id": 7}"#, "stored Some(\"7\") true".to_owned()),
        (
            400,
            r#"{"call_id": ["This field is required."], "transcript_json": {"0": ["Bad."]}}"#,
            "fail: Cekura rejects the call log (HTTP status 400): call_id: This field is required.; \
             transcript_json: {\"0\":[\"Bad.\"]}"
                .to_owned(),
        ),
        (
            401,
            "<html>",
            "fail: Cekura refuses the call log (HTTP status 401): check CEKURA_API_KEY".to_owned(),
        ),
        (
            403,
            r#"{"detail": "No."}"#,
            format!("fail: Cekura refuses the call log (HTTP status 403): {owner}: detail: No."),
        ),
        (404, "", "fail: Cekura refuses the call log (HTTP status 404): check CEKURA_API_URL".to_owned()),
        (405, "", "fail: Cekura refuses the call log (HTTP status 405): check CEKURA_API_URL".to_owned()),
        (402, "", "fail: the Cekura account is out of credits (HTTP status 402)".to_owned()),
        (413, "", "fail: Cekura rejects the call log (HTTP status 413): it is too large".to_owned()),
        (418, "tea", "fail: Cekura rejects the call log (HTTP status 418): tea".to_owned()),
        (408, "", "retry after Some(7s), HTTP status 408 ".to_owned()),
        (429, "slow", "retry after Some(7s), HTTP status 429 slow".to_owned()),
        (503, "", "retry after Some(7s), HTTP status 503 ".to_owned()),
        (502, "", "ask, HTTP status 502 ".to_owned()),
        (504, "", "ask, HTTP status 504 ".to_owned()),
        (500, "oops", "retry twice, HTTP status 500 oops".to_owned()),
        (507, "", "retry twice, HTTP status 507 ".to_owned()),
        (521, "down", "ask, HTTP status 521 down".to_owned()),
        (421, "", "retry twice, HTTP status 421 ".to_owned()),
        (499, "", "retry twice, HTTP status 499 ".to_owned()),
    ] {
        assert_eq!(line(&posted(&whole(status, body))), expected, "{status} {body}");
    }
    assert_eq!(line(&posted(&none(false))), "retry after None, no answer in time");
    assert_eq!(line(&posted(&none(true))), "ask, no answer in time");
}

#[test]
fn a_call_is_found_by_its_id_in_any_list() {
    let calls = r#"[{"id": 1, "call_id": "other"}, {"id": 2, "call_id": "mine"}]"#;
    for list in [calls.to_owned(), format!(r#"{{"count": 2, "results": {calls}}}"#)] {
        assert_eq!(line(&asked(&whole(200, &list), "mine")), "stored Some(\"2\") false");
        assert_eq!(line(&asked(&whole(200, &list), "min")), "missing");
    }
    assert_eq!(line(&asked(&whole(200, "[]"), "mine")), "missing");
    for (next, expected) in [("null", "missing"), (r#""https://…""#, "next page")] {
        let list = format!(r#"{{"next": {next}, "results": [{{"call_id": "other"}}]}}"#);
        assert_eq!(line(&asked(&whole(200, &list), "mine")), expected);
    }
}

#[test]
fn a_question_without_a_good_answer_never_means_missing() {
    for (response, start) in [
        (whole(200, "<html>"), "fail: unexpected answer: HTTP status 200 with a body that lists no calls"),
        (whole(200, "{}"), "fail: unexpected answer"),
        (whole(301, ""), "fail: unexpected answer"),
        (whole(401, ""), "fail: Cekura refuses"),
        (whole(400, ""), "fail: unexpected answer: HTTP status 400 with no list of calls; the call may be"),
        (whole(404, ""), "fail: unexpected answer"),
        (whole(503, ""), "retry after Some(7s)"),
        (whole(500, ""), "retry twice"),
        (none(true), "retry after None"),
        (none(false), "retry after None"),
    ] {
        let ruling = line(&asked(&response, "mine"));
        assert!(ruling.starts_with(start), "{ruling}");
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_answer_has_a_ruling(status in 100_u16..600, body in json(), wait in any::<Option<Duration>>()) {
        for ruling in [posted, |response: &Response| asked(response, "call-1")] {
            let ruling = ruling(&Response::Whole { status, wait, body: body.clone() });
            let line = line(&ruling);
            prop_assert!(line.chars().count() < 1000 && !line.contains(char::is_control), "{line}");
        }
    }
}
