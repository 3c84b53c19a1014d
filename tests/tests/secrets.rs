//! A key that must be seen nowhere, and servers that give it away: every text that anybody can get out of this crate,
//! every log line of the process and every request is searched for it.

use cekura::{Builder, Cekura, Protocol, SpoolLimits, Timings, spans};
use cekura_trace_tests::api::{self, Api, KEY};
use cekura_trace_tests::backend::{Backend, Reply, Seen};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, converse, quick, to};
use cekura_trace_tests::spools::Spool;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::fmt::{Debug, Display};
use std::fs;
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

#[path = "secrets/shown.rs"]
mod shown;
#[path = "secrets/sound.rs"]
mod sound;

/// The key as an HTTP header has it, and as careless servers repeat it.
const REPEATED: &str = "no: {\"x-cekura-api-key\": \"canary\", \"c\\u0061nary\": 1} Y2FuYXJ5 b2NhbmFyeQ== \
                        63616E617279 %63anary &#99;anary c\u{200b}anary";

/// A handle with the key, and with another header that holds it.
fn keyed(backend: &Backend, protocol: Protocol, api: &Api) -> Builder {
    let timings = Timings { give_up: Duration::from_secs(1), attempt: Duration::from_millis(300), ..quick() };
    let builder = to(backend, protocol).api_key(KEY).agent(5).api_url(api.url()).timings(timings);
    builder.header("authorization", format!("Bearer {KEY}"))
}

/// Fails where a text has the key in it, in one piece or escaped.
#[track_caller]
fn check(what: &str, text: &str) {
    let plain =
        text.replace(['\\', '\u{200b}'], "").replace("u0061", "a").replace("&#99;", "c").to_lowercase();
    // As it is, in base64 at any place, in hex, percent-encoded.
    for form in [KEY, "y2fuyxj5", "nhbmfye", "jyw5hcn", "63616e617279", "%63anary"] {
        assert!(!plain.contains(form), "{what} has the key as {form}: {text}");
    }
}

fn check_shown(what: &str, value: &(impl Debug + Display)) {
    check(what, &format!("{value} {value:?} {value:#?}"));
}

/// The key is in the headers that were configured, and nowhere else.
fn check_requests(requests: &[Seen]) {
    for seen in requests {
        assert_eq!(seen.header("x-cekura-api-key"), Some(KEY));
        assert_eq!(seen.header("authorization"), Some("Bearer canary"));
        let configured = ["x-cekura-api-key", "authorization"];
        let others = seen.headers.iter().filter(|(name, _)| !configured.contains(&name.as_str()));
        check("a request", &format!("{:?}", others.collect::<Vec<_>>()));
        check("a request", &format!("{} {} {:?}", seen.path, seen.query, seen.message));
    }
}

/// What the process has logged, but for the threads of the test's servers, which have no name.
fn check_events() {
    let all = heard("");
    for event in all.iter().filter(|event| !event.thread.is_empty()) {
        check("an event", &format!("{event:?}"));
    }
    let own = all.iter().filter(|event| event.target == "cekura" && event.text.contains("[REDACTED]"));
    assert!(own.count() > 0, "no event has told what a server said");
}

/// One answer of each class, over gRPC and HTTP, with the key in it wherever a server can say anything.
fn answers(foreign: &Backend) -> Vec<Reply> {
    let classes =
        [(400, 3), (401, 16), (403, 7), (404, 12), (408, 4), (413, 11), (429, 8), (500, 13), (503, 14)];
    let fail = |(status, code)| Reply::Fail { status, code, wait: None, message: REPEATED.to_owned() };
    let mut answers: Vec<_> = classes.into_iter().map(fail).collect();
    answers.extend([
        Reply::Accept,
        Reply::Partial(1, REPEATED),
        Reply::Page,
        Reply::Raw("text/html", REPEATED.into()),
        Reply::Raw("application/x-protobuf", REPEATED.into()),
        Reply::Redirect(format!("{}/{KEY}", foreign.url())),
        Reply::Silence,
    ]);
    answers
}

/// A server that answers everything with a line that is no protocol's, and hangs up.
fn parrot() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            drop(writeln!(stream.unwrap(), "{REPEATED}\r\n"));
        }
    });
    url
}

#[test]
fn no_answer_for_spans_makes_the_key_seen() {
    listen();
    let (foreign, api) = (Backend::new(), Api::new());
    thread::scope(|scope| {
        for (protocol, reply) in
            PROTOCOLS.iter().flat_map(|one| answers(&foreign).into_iter().map(|it| (*one, it)))
        {
            let api = &api;
            scope.spawn(move || {
                let backend = Backend::scripted(move |_, _| reply.clone());
                let handle = keyed(&backend, protocol, api).build().unwrap();
                converse(&handle, 2);
                backend.await_requests(1);
                check_shown("a report", &handle.flush_blocking(SHORT));
                check("a handle", &format!("{handle:?} {:?}", handle.processor()));
                check_shown("a report", &handle.shutdown_blocking(SHORT));
                check_shown("a diagnosis", &keyed(&backend, protocol, api).doctor());
                check_exporter(keyed(&backend, protocol, api));
                check_requests(&backend.seen());
            });
        }
    });
    assert!(foreign.seen().is_empty(), "a redirect was followed");
    check_events();
}

fn check_exporter(builder: Builder) {
    let exporter = builder.span_exporter().unwrap();
    check("an exporter", &format!("{exporter:?}"));
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    check("a tracer provider", &format!("{provider:?}"));
    provider.tracer("program").in_span("work", |_| {});
    if let Err(error) = provider.force_flush() {
        check_shown("an exporter's error", &error);
    }
    drop(provider.shutdown());
}

#[test]
fn nor_does_a_server_of_another_protocol() {
    listen();
    let (url, api) = (parrot(), Api::new());
    for protocol in PROTOCOLS {
        let builder = || keyed(&Backend::new(), protocol, &api).otel_endpoint(&url);
        let handle = builder().build().unwrap();
        converse(&handle, 1);
        check_shown("a report", &handle.shutdown_blocking(SHORT));
        check_shown("a diagnosis", &builder().doctor());
        check_exporter(builder());
    }
    for event in heard("").iter().filter(|event| !event.thread.is_empty()) {
        check("an event", &format!("{event:?}"));
    }
}

/// Requests, the beginning of a conversation that is open, and a call log.
#[test]
fn what_the_spool_keeps_is_without_it() {
    listen();
    for protocol in PROTOCOLS {
        let refusal = Reply::Fail { status: 503, code: 14, wait: None, message: REPEATED.to_owned() };
        let backend = Backend::scripted(move |_, _| refusal.clone());
        let api = Api::scripted(|_, _| api::Reply::Body(503, REPEATED.to_owned()));
        let spool = Spool::new(env!("CARGO_TARGET_TMPDIR"), &format!("secrets-{protocol:?}"));
        let limits = SpoolLimits { deposit: Duration::from_millis(20), ..SpoolLimits::default() };
        let builder = || keyed(&backend, protocol, &api).spool(&spool.0).spool_limits(limits);
        check("a builder", &format!("{:?}", builder()));
        let handle = builder().build().unwrap();
        let open = spans::conversation().client(&handle).start();
        spans::conversation().call_id("call-1").client(&handle).observe().start().end();
        converse(&handle, 1);
        check_shown("a report", &handle.flush_blocking(SHORT));
        api.await_requests(1);
        spool.await_some(".start");
        spool.await_some(".spans");
        spool.await_some(".call_log");
        check_files(&spool);
        check_shown("a report", &handle.shutdown_blocking(SHORT));
        check_files(&spool);
        drop(open);
    }
}

fn check_files(spool: &Spool) {
    for file in spool.files("") {
        check("a file's name", &file.to_string_lossy());
        match fs::read(&file) {
            Ok(text) => check("a file", &String::from_utf8_lossy(&text)),
            // It was settled, or replaced, since it was listed.
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
        }
    }
}

#[test]
fn what_is_drawn_and_kept_for_people_is_without_it() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secrets");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let agent = Command::new(env!("CARGO_BIN_EXE_local_agent")).current_dir(&folder).output().unwrap();
    assert!(agent.status.success());
    check("a drawing", &String::from_utf8_lossy(&agent.stderr));
    let pages: Vec<_> = fs::read_dir(folder.join("cekura-traces")).unwrap().collect();
    assert!(pages.len() >= 2);
    for page in pages {
        check("a page", &fs::read_to_string(page.unwrap().path()).unwrap());
    }
}

/// Everything that a builder takes, with values that cannot be used.
#[test]
fn no_error_of_the_settings_repeats_them() {
    let wrong: [fn(Builder) -> Builder; 7] = [
        |it| it.api_key("canary\n"),
        |it| it.otel_endpoint("ftp://canary"),
        |it| it.api_url("canary canary"),
        |it| it.header("canary canary", "x"),
        |it| it.header("x", "canary\n"),
        |it| it.root_certificate("canary"),
        |it| it.variables(|_| Some("canary ".to_owned())),
    ];
    for wrong in wrong {
        let builder = || wrong(Cekura::builder().variables(|_| None).api_key(KEY).agent(1));
        check("a builder", &format!("{:?}", builder()));
        check_shown("a diagnosis", &builder().doctor());
        check_shown("an error", &builder().build().unwrap_err());
        check_shown("an error", &builder().span_exporter().unwrap_err());
    }
    let handle = keyed(&Backend::new(), PROTOCOLS[0], &Api::new()).build().unwrap();
    handle.shutdown_blocking(LONG);
}
