//! Rows 7 to 16: what a backend may answer, for a while or to some spans.

use super::{Case, OUTAGE, each};
use cekura::{Protocol, Timings};
use cekura_trace_tests::backend::{Backend, Reply, Seen, text};
use cekura_trace_tests::handles::{LONG, quick};
use cekura_trace_tests::program::Program;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// `google.rpc.Status { details: [RetryInfo { retry_delay: 2 s }] }`, and the same with 30 s.
const TWO: &str = "GjAKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SBAoCCAI=";
const THIRTY: &str = "GjAKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SBAoCCB4=";

/// The first so many requests get a reply that is none of success.
fn first(count: usize, reply: Reply) -> Backend {
    Backend::scripted(move |_, before| if before < count { reply.clone() } else { Reply::Accept })
}

fn busy(case: Case, seconds: &str, details: &str) -> Reply {
    let wait = if case.protocol == Protocol::Grpc { details } else { seconds };
    Reply::Fail { status: 429, code: 8, wait: Some(wait.to_owned()), message: "too many".to_owned() }
}

/// Three calls at a backend, and what is lost of them.
fn row(case: Case, row: &str, backend: &Backend, lost: &[(&str, u64)]) {
    let program = case.program(&backend.url());
    program.calls(3);
    let said = program.flush(LONG);
    case.settle(row, &program, backend, &said, lost);
}

#[test]
fn row_07_a_rate_limit_of_two_seconds() {
    each(|case| {
        let backend = first(1, busy(case, "2", TWO));
        row(case, "7 429, 2 s", &backend, &[]);
        let seen = backend.seen();
        let waited = seen[1].at - seen[0].at;
        assert!(case.is_stock || waited >= Duration::from_secs(2), "{waited:?}");
    });
}

#[test]
fn row_08_a_rate_limit_of_thirty_seconds() {
    each(|case| {
        let backend = first(1, busy(case, "30", THIRTY));
        // Ours would wait.
        let short = Timings { longest_hint: Duration::from_secs(1), ..quick() };
        let program =
            case.program_with(
                &backend.url(),
                |builder| {
                    if case.is_stock { builder } else { builder.timings(short) }
                },
            );
        program.calls(3);
        let said = program.flush(LONG);
        case.settle("8 429, 30 s", &program, &backend, &said, &[]);
    });
}

#[test]
fn row_08_a_wait_until_a_date_or_of_no_sense() {
    let then = std::time::SystemTime::now() + Duration::from_secs(2);
    let date = httpdate::fmt_http_date(then);
    for wait in [&*date, "soon", "-1", "1e9", "99999999999999999999", ""] {
        each(|case| row(case, &format!("8 429, {wait:?}"), &first(1, busy(case, wait, "no+status")), &[]));
    }
}

#[test]
fn row_09_seven_of_ten_requests_are_refused() {
    each(|case| {
        let mut draw = StdRng::seed_from_u64(9);
        let refusals: Vec<_> = (0..10_000).map(|_| draw.random_bool(0.7)).collect();
        let backend = Backend::scripted(
            move |_, before| {
                if refusals[before] { Reply::fail(503, 14) } else { Reply::Accept }
            },
        );
        let program = case.program(&backend.url());
        let mut said = String::new();
        for _ in 0..10 {
            program.calls(1);
            said = program.flush(LONG);
        }
        case.settle("9 70 % 503", &program, &backend, &said, &[]);
    });
}

#[test]
fn row_10_an_error_of_the_servers_own() {
    each(|case| row(case, "10 500 once", &first(1, Reply::fail(500, 13)), &[]));
}

#[test]
fn row_11_a_key_that_is_refused_until_it_is_right() {
    each(|case| row(case, "11 401 once", &first(1, Reply::fail(401, 16)), &[]));
}

/// Whether something in a request says this.
fn says(seen: &Seen, word: &str) -> bool {
    seen.spans().any(|span| text(&span.attributes, "input.text") == Some(word))
}

#[test]
fn row_12_one_span_is_not_wanted() {
    each(|case| {
        let backend =
            Backend::scripted(|seen, _| if says(seen, "bad") { Reply::fail(400, 3) } else { Reply::Accept });
        let program = case.program(&backend.url());
        program.calls(2);
        program.call(&["one", "bad", "three"]);
        program.calls(2);
        let said = program.flush(LONG);
        case.settle("12 400 for one", &program, &backend, &said, &[("rejected", 1)]);
    });
}

#[test]
fn row_13_one_span_of_5_mb_and_ten_small_ones_at_a_limit_of_4_mib() {
    each(|case| {
        let backend =
            Backend::scripted(
                |seen, _| {
                    if seen.bytes > 4 << 20 { Reply::fail(413, 8) } else { Reply::Accept }
                },
            );
        let program = case.program_with(&backend.url(), |builder| builder.content_limit(8 << 20));
        let fat = "x".repeat(5_000_000);
        program.call(&[&fat, "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
        let said = program.flush(LONG);
        case.settle("13 4 MiB", &program, &backend, &said, &[]);
    });
}

#[test]
fn row_14_some_spans_are_rejected_with_a_success() {
    each(|case| {
        let backend = first(1, Reply::Partial(2, "too old"));
        let program = case.program(&backend.url());
        program.calls(3);
        let said = program.flush(LONG);
        let (protocol, who) = (case.protocol, if case.is_stock { "stock" } else { "ours" });
        println!("row 14 partial success | {protocol:?} | {who} | 10 of 12 | {said}");
        // Which two it were nobody knows, so that they cannot be counted here.
        let expected = "12 accepted, 10 delivered, 2 dropped (rejected 2)";
        assert!(case.is_stock || said == expected, "{said}");
        program.call(&[]);
        program.flush(LONG);
        assert_eq!(backend.spans().len(), 13);
    });
}

#[test]
fn row_15_a_page_for_people_with_status_200() {
    each(|case| row(case, "15 200 HTML", &first(1, Reply::Page), &[("unexpected_answer", 12)]));
}

/// With a key that must not be seen at the second host.
fn redirected(case: Case, reply: impl FnOnce(String) -> Reply) -> (Program, Backend, Backend) {
    let other = Backend::new();
    let backend = first(1, reply(format!("{}/v1/traces", other.url())));
    let program = case.program_with(&backend.url(), |builder| builder.api_key("canary").agent(1));
    (program, backend, other)
}

#[test]
fn rows_15_and_16_a_redirect_to_a_second_host_that_never_sees_the_key() {
    each(|case| {
        let (program, backend, other) = redirected(case, Reply::Redirect);
        program.calls(3);
        let said = program.flush(OUTAGE);
        case.settle("16 redirect", &program, &backend, &said, &[("unexpected_answer", 12)]);
        assert_eq!(backend.seen()[0].header("x-cekura-api-key"), Some("canary"));
        assert_eq!((other.connections(), other.seen().len()), (0, 0));
    });
}
