//! What each answer of the API means for a call log: the table of answers.

use super::OBSERVE;
use cekura::{CallLog, Cekura, ObserveError, Sent, Timings};
use cekura_trace_tests::api::{Api, Reply, search};
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::handles::{observing, quick};
use serde_json::json;
use std::thread;
use std::time::Duration;

fn asked() -> String {
    search("call-1", "agent_id=5")
}

fn handle(api: &Api) -> Cekura {
    let timings = Timings { give_up: Duration::from_secs(2), attempt: Duration::from_millis(300), ..quick() };
    observing(&Backend::new(), api).timings(timings).build().unwrap()
}

fn post(api: &Api) -> Result<Sent, ObserveError> {
    handle(api).observe_blocking(CallLog::new("call-1"))
}

/// What comes of one answer that is always the same, and how often it was asked for.
fn always(reply: Reply) -> (Result<Sent, ObserveError>, usize) {
    let api = Api::scripted(move |_, _| reply.clone());
    let result = post(&api);
    (result, api.seen().len())
}

#[test]
fn a_201_gives_the_id() {
    for (id, expected) in [(json!(12_345), Some("12345")), (json!("c-1"), Some("c-1")), (json!({}), None)] {
        let (result, posts) = always(Reply::json(201, &json!({ "id": id, "metrics": [] })));
        let sent = result.unwrap();
        assert_eq!((sent.id(), sent.was_sent(), sent.already_existed(), posts), (expected, true, false, 1));
    }
    let (result, _) = always(Reply::Body(200, "{}".to_owned()));
    assert_eq!(result.unwrap().id(), None);
}

#[test]
fn a_201_with_junk_is_an_unexpected_answer() {
    for (status, junk) in [(201, "OK"), (201, ""), (201, "[7]"), (200, "<html>Log in</html>"), (204, "")] {
        let (result, posts) = always(Reply::Body(status, junk.to_owned()));
        let error = result.unwrap_err();
        assert!(error.is_unexpected_answer() && error.status() == Some(status), "{error}");
        assert!(error.to_string().contains(&format!("HTTP status {status} with a body that is not JSON")));
        assert_eq!(posts, 1);
    }
}

#[test]
fn an_answer_without_end_is_an_unexpected_answer() {
    let (result, posts) =
        always(Reply::Body(201, format!(r#"{{"id": 1, "text": "{}"}}"#, "x".repeat(1 << 20))));
    assert!(result.unwrap_err().is_unexpected_answer());
    assert_eq!(posts, 1);
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Api::new();
    let (result, posts) = always(Reply::Redirect(format!("{}/observability/v1/observe/", other.url())));
    let error = result.unwrap_err();
    assert!(error.is_unexpected_answer() && error.to_string().contains("redirect"), "{error}");
    assert_eq!((posts, other.connections()), (1, 0));
}

#[test]
fn a_409_is_success() {
    for reply in [Reply::Body(409, "already exists".to_owned()), Reply::json(409, &json!({ "id": 3 }))] {
        let (result, posts) = always(reply);
        let sent = result.unwrap();
        assert!(sent.already_existed() && sent.trace_id().is_none());
        assert_eq!(posts, 1);
    }
}

#[test]
fn a_refusal_says_what_to_look_at_and_is_not_repeated() {
    for (status, setting) in [
        (401, "CEKURA_API_KEY"),
        (403, "CEKURA_API_KEY and CEKURA_AGENT_ID or CEKURA_PROJECT_ID"),
        (404, "CEKURA_API_URL"),
        (405, "CEKURA_API_URL"),
    ] {
        let (result, posts) = always(Reply::json(status, &json!({ "detail": "the key canary is bad" })));
        let error = result.unwrap_err();
        assert!(error.is_refused() && error.status() == Some(status));
        let said = error.to_string();
        assert!(said.contains(&format!("check {setting}: detail: the key [REDACTED] is bad")), "{said}");
        assert_eq!(posts, 1);
    }
}

#[test]
fn a_402_says_that_the_credits_are_used_up() {
    let (result, posts) = always(Reply::Body(402, String::new()));
    let error = result.unwrap_err();
    assert!(error.is_out_of_credits() && error.to_string().contains("out of credits"), "{error}");
    assert_eq!(posts, 1);
}

#[test]
fn the_field_messages_of_a_400_are_in_the_error() {
    let body = json!({ "agent": ["No such agent."], "call_id": ["Too long.", "Bad."] });
    let (result, posts) = always(Reply::json(400, &body));
    let error = result.unwrap_err();
    assert!(error.is_invalid());
    let expected =
        "Cekura rejects the call log (HTTP status 400): agent: No such agent.; call_id: Too long. Bad.";
    assert_eq!((error.to_string().as_str(), posts), (expected, 1));
}

#[test]
fn a_413_is_an_error() {
    let (result, posts) = always(Reply::Body(413, "<html>".to_owned()));
    assert_eq!((result.unwrap_err().status(), posts), (Some(413), 1));
}

#[test]
fn a_429_or_503_is_repeated_after_the_wait_that_it_asks_for() {
    for status in [429, 503] {
        let api = Api::scripted(
            move |_, before| if before == 0 { Reply::Wait(status, "1") } else { Reply::stored(7) },
        );
        assert_eq!(post(&api).unwrap().id(), Some("7"));
        let seen = api.seen();
        assert_eq!(seen.len(), 2);
        assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
        assert_eq!(seen[0].body, seen[1].body);
    }
}

#[test]
fn a_408_is_repeated() {
    let api = Api::scripted(
        |_, before| if before < 3 { Reply::Body(408, String::new()) } else { Reply::stored(7) },
    );
    assert!(post(&api).is_ok());
    assert_eq!(api.requests(), [OBSERVE; 4]);
}

#[test]
fn a_server_that_is_not_there_yet_gets_it_later() {
    let address = deserted();
    let timings = Timings { give_up: Duration::from_secs(20), ..quick() };
    let builder = observing(&Backend::new(), &Api::new()).timings(timings);
    let handle = builder.api_url(format!("http://{address}")).build().unwrap();
    let posting = thread::spawn(move || handle.observe_blocking(CallLog::new("call-1")));
    thread::sleep(Duration::from_millis(200));
    let api = Api::at(address, |_, _| Reply::stored(7));
    assert!(posting.join().unwrap().is_ok());
    assert_eq!(api.requests(), [OBSERVE]);
}

#[test]
fn a_server_that_stays_away_is_an_error() {
    let api = Api::new();
    let timings = Timings { give_up: Duration::from_millis(200), ..quick() };
    let builder = observing(&Backend::new(), &api).timings(timings);
    let handle = builder.api_url(format!("http://{}", deserted())).build().unwrap();
    let error = handle.observe_blocking(CallLog::new("call-1")).unwrap_err();
    assert!(error.is_unavailable() && error.status().is_none(), "{error}");
}

/// A POST that is answered like this at first, and then a list of calls.
fn ambiguous(first: &Reply, is_there: bool) -> Api {
    let first = first.clone();
    Api::scripted(move |seen, before| match (seen.method.as_str(), before) {
        ("POST", 0) => first.clone(),
        ("POST", _) => Reply::stored(8),
        _ if is_there => {
            Reply::json(200, &json!({ "count": 1, "results": [{ "id": 7, "call_id": "call-1" }] }))
        }
        _ => Reply::json(200, &json!({ "count": 0, "results": [] })),
    })
}

/// One that may have been stored is sent again only when it was not.
fn is_never_stored_twice(first: &Reply) {
    let stored = ambiguous(first, true);
    assert_eq!(post(&stored).unwrap().id(), Some("7"), "{first:?}");
    assert_eq!(stored.requests(), [OBSERVE, &asked()]);
    let lost = ambiguous(first, false);
    assert_eq!(post(&lost).unwrap().id(), Some("8"), "{first:?}");
    assert_eq!(lost.requests(), [OBSERVE, &asked(), OBSERVE]);
}

#[test]
fn after_a_502_or_504_it_is_looked_for_first() {
    is_never_stored_twice(&Reply::Body(502, String::new()));
    is_never_stored_twice(&Reply::Body(504, "<html>".to_owned()));
}

#[test]
fn after_a_reset_it_is_looked_for_first() {
    is_never_stored_twice(&Reply::Reset);
}

#[test]
fn after_a_timeout_it_is_looked_for_first() {
    is_never_stored_twice(&Reply::Silence);
}

#[test]
fn a_500_is_repeated_twice_where_it_is_not_stored() {
    for status in [500, 507] {
        let api = Api::scripted(move |seen, _| match seen.method.as_str() {
            "POST" => Reply::Body(status, String::new()),
            _ => Reply::json(200, &json!([])),
        });
        let error = post(&api).unwrap_err();
        assert!(error.is_unavailable() && error.status() == Some(status), "{error}");
        assert_eq!(api.requests(), [OBSERVE, &asked(), OBSERVE, &asked(), OBSERVE]);
        is_never_stored_twice(&Reply::Body(status, String::new()));
    }
}

#[test]
fn after_a_status_of_a_gateway_that_nobody_knows_it_is_looked_for_first() {
    for status in [520, 521, 524, 599] {
        is_never_stored_twice(&Reply::Body(status, "<html>".to_owned()));
    }
}

#[test]
fn an_answer_that_blames_the_connection_is_asked_about_and_repeated() {
    for status in [421, 426, 431, 499] {
        is_never_stored_twice(&Reply::Body(status, String::new()));
    }
}

/// The caller's own id, whatever is in it.
#[test]
fn a_stored_call_is_found_by_its_id_whatever_is_in_it() {
    for id in ["call-1", "CA 42/a&b=c", r#"say "hi" 100%"#, "gespräch/🎧", "12345"] {
        let stored = Api::scripted(move |seen, _| match seen.method.as_str() {
            "POST" => Reply::Reset,
            _ => Reply::json(
                200,
                &json!({ "count": 1, "next": null, "results": [{ "id": 7, "call_id": id }] }),
            ),
        });
        let sent = handle(&stored).observe_blocking(CallLog::new(id)).unwrap();
        assert_eq!((sent.id(), stored.seen().len()), (Some("7"), 2), "{id}");
    }
}

/// A list that was not filtered comes in pages, and others' calls.
#[test]
fn a_stored_call_is_found_on_a_later_page() {
    let page = |number: u64| {
        let calls = json!([{ "id": number, "call_id": if number == 3 { "call-1" } else { "call-10" } }]);
        Reply::json(200, &json!({ "next": if number < 4 { Some("more") } else { None }, "results": calls }))
    };
    let stored = Api::scripted(move |seen, before| match seen.method.as_str() {
        "POST" => Reply::Body(502, String::new()),
        _ => page(before as u64),
    });
    assert_eq!(post(&stored).unwrap().id(), Some("3"));
    let pages = [asked(), asked() + "&page=2", asked() + "&page=3"];
    assert_eq!(stored.requests()[1..], pages);

    let endless = Api::scripted(|seen, _| match seen.method.as_str() {
        "POST" => Reply::Body(502, String::new()),
        _ => Reply::json(200, &json!({ "next": "more", "results": [] })),
    });
    let error = post(&endless).unwrap_err();
    assert!(error.is_unexpected_answer() && error.to_string().contains("may be stored"), "{error}");
    assert!(endless.seen().len() < 30);
}

/// What is wrong with the question says nothing of the call log.
#[test]
fn a_question_that_is_refused_is_no_fault_of_the_call_log() {
    for status in [400, 404, 405] {
        let api = Api::scripted(move |seen, _| match seen.method.as_str() {
            "POST" => Reply::Body(504, String::new()),
            _ => Reply::Body(status, String::new()),
        });
        let error = post(&api).unwrap_err();
        assert!(!error.is_invalid() && error.is_unexpected_answer(), "{error}");
        assert!(error.to_string().contains("the call may be stored"), "{error}");
        assert_eq!(api.requests(), [OBSERVE, &asked()]);
    }
}
