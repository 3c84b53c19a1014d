//! Every public type of the crate, shown in every way it can be, in a program that has a key. A type that is missing
//! here fails the test that reads the crate's sources.

use super::{KEY, REPEATED, check, keyed};
use cekura::testing::capture;
use cekura::{
    CallLog, Calls, CaptureContent, Cekura, Consent, ConsentEvent, ConsentState, Conversation, DropReason,
    Entry, Error, Mode, ObserveError, Protocol, Run, SpoolLimits, Timings, TranscriptType, Update, spans,
};
use cekura_trace_tests::api::{Api, Reply};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::events::listen;
use cekura_trace_tests::handles::{LONG, PROTOCOLS, converse};
use http::Request;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::fs;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// What cannot be shown: they have neither `Debug` nor `Display`, or no value at all, or are attributes by a wrong name.
const NEVER_SHOWN: [&str; 18] = [
    "Frames",
    "Generator",
    "Kind",
    "LLM",
    "Llm",
    "Model",
    "Moment",
    "Parent",
    "S2S",
    "S2s",
    "STT",
    "Sealed",
    "Stage",
    "Stt",
    "TTS",
    "ToolCall",
    "Tts",
    "Voice",
];

/// The types that were shown, by name.
#[derive(Default)]
struct Gallery(BTreeSet<&'static str>);

impl Gallery {
    fn debug(&mut self, name: &'static str, value: &impl Debug) {
        check(name, &format!("{value:?} {value:#?}"));
        self.0.insert(name);
    }

    fn both(&mut self, name: &'static str, value: &(impl Debug + Display)) {
        check(name, &format!("{value} {value:#}"));
        self.debug(name, value);
    }

    fn plain(&mut self) {
        self.debug("CaptureContent", &[CaptureContent::Full, CaptureContent::Metadata]);
        self.debug("Consent", &[Consent::Audio, Consent::Everything, Consent::Given]);
        self.debug("ConsentEvent", &ConsentEvent::ALL);
        self.debug("ConsentFate", &ConsentState::ALL.map(ConsentState::fate));
        self.debug("ConsentState", &ConsentState::ALL);
        self.debug("Calls", &[Calls::Observe, Calls::Simulate]);
        self.debug("Compression", &[cekura::Compression::Gzip, cekura::Compression::None]);
        self.debug("Sampling", &cekura::Sampling::keep(0.1).errors());
        self.debug("Run", &Run::from_headers([("X-Run-Id", "1")]));
        self.debug("Mode", &[Mode::Cloud, Mode::Local]);
        self.debug("Audio", &cekura::Audio::stereo());
        self.debug("Mulaw", &cekura::Mulaw(&[0; 160]));
        self.both("DropReason", &DropReason::QueueFull);
        self.debug("Protocol", &PROTOCOLS);
        self.debug("Roots", &cekura::Roots::Only(KEY));
        self.debug("SpoolLimits", &SpoolLimits::default());
        self.debug("Timings", &Timings::default());
        self.debug("TranscriptType", &TranscriptType::Vapi);
        self.debug("Entry", &[Entry::user("Hello?"), Entry::tool_call("1", "book", json!({ "at": 4 }))]);
        self.debug("Redact", &cekura::Redact::standard().hashed(KEY).pattern("key", KEY));
        self.debug("Capture", &cekura::logs::capture::<tracing_subscriber::Registry>());
        self.debug("Json", &cekura::logs::json());
        self.debug("TracingLayer", &cekura::layer());
        self.debug("WithCall", &cekura::logs::layer(tracing_subscriber::layer::Identity::new()));
        let mut link = cekura::tower::layer().layer(Ready);
        self.debug("LinkLayer", &cekura::tower::layer());
        self.debug("Link", &link);
        self.debug("LinkFuture", &link.call(Request::new(())));
        self.debug("Update", &Update::new().metadata(json!({ "a": 1 })));
        self.debug("CallLog", &CallLog::new("call-1").customer_number("+1").metadata(json!({ "a": 1 })));
    }

    fn of_a_handle(&mut self) {
        let (backend, api) = (Backend::new(), Api::new());
        let builder = || keyed(&backend, Protocol::Http, &api);
        self.debug("Builder", &builder());
        self.both("Diagnosis", &builder().doctor());
        let handle = builder().build().unwrap();
        self.debug("Cekura", &handle);
        self.debug("Processor", &handle.processor());
        self.debug("Metrics", &handle.metrics());
        self.both("Error", &Cekura::builder().variables(|_| None).api_key("canary\n").build().unwrap_err());
        let provider = SdkTracerProvider::builder().build();
        handle.attach(&provider).unwrap();
        self.both("Error", &handle.attach(&provider).unwrap_err());
        let installed: Error = builder().install().unwrap_err();
        assert!(installed.is_already_installed());
        self.both("Error", &installed);
        converse(&handle, 1);
        let report = handle.flush_blocking(LONG);
        self.both("FlushReport", &report);
        self.both("CallLogs", &report.call_logs);
        self.both("Recordings", &report.recordings);
        self.debug("Sent", &handle.observe_blocking(CallLog::new("call-1")).unwrap());

        let call = spans::conversation().client(&handle).start();
        self.debug("Conversation", &call.in_scope(cekura::current_conversation).unwrap());
        self.debug("Hold", &call.hold());
        self.debug("Line", &call.audio());
        let turn = call.in_scope(|| spans::turn().start());
        self.debug("Turn", &turn.in_scope(cekura::current_turn).unwrap());
        self.debug("Carried", &turn.in_scope(|| cekura::context::carry(1)));
        self.debug("spans::Builder", &turn.in_scope(spans::llm));
        self.debug("CurrentSpan", &turn.in_scope(cekura::current));
        self.debug("Follow", &turn.in_scope(|| cekura::follow(futures::stream::iter([1]))));
        self.debug("Guard", &turn);
        self.debug("Guard", &call);
        drop((turn, call));
        self.both("FlushReport", &handle.shutdown_blocking(LONG));
    }

    fn of_a_test(&mut self) {
        let trace = capture(|| Conversation::start("call-1").end());
        self.both("Trace", &trace);
        self.debug("Span", &trace.spans());
    }

    fn refusals(&mut self) {
        let replies = [200, 400, 401, 402, 403, 404, 408, 413, 429, 500, 503]
            .map(|status| Reply::Body(status, REPEATED.to_owned()));
        let foreign = Backend::new();
        let more = [Reply::Redirect(format!("{}/{KEY}", foreign.url())), Reply::Reset, Reply::Silence];
        let details = [400, 401, 402, 422].map(|status| {
            Reply::json(status, &json!({ "detail": REPEATED, "agent": [KEY], KEY: ["is not known"] }))
        });
        for reply in replies.into_iter().chain(more).chain(details) {
            let api = Api::scripted(move |_, _| reply.clone());
            let handle = keyed(&Backend::new(), Protocol::Grpc, &api).build().unwrap();
            self.error(handle.observe_blocking(CallLog::new("call-1")).unwrap_err());
        }
        assert!(foreign.seen().is_empty(), "a redirect was followed");
        let handle = keyed(&Backend::new(), Protocol::Grpc, &Api::new()).build().unwrap();
        self.error(handle.observe_blocking(CallLog::new("")).unwrap_err());
        self.error(handle.observe_blocking(CallLog::new("1").metadata("x".repeat(64 << 20))).unwrap_err());
        handle.shutdown_blocking(LONG);
        self.error(handle.observe_blocking(CallLog::new("call-1")).unwrap_err());
    }

    #[expect(clippy::needless_pass_by_value, reason = "every caller has just got it")]
    fn error(&mut self, error: ObserveError) {
        self.both("ObserveError", &error);
    }
}

/// The names of the types that users can name, as the sources have them.
fn public() -> BTreeSet<String> {
    let read = |file: &str| fs::read_to_string(format!("../cekura-trace/src/{file}")).unwrap();
    let door = read("lib.rs");
    let used = door.lines().filter_map(|line| line.trim().strip_prefix("pub use "));
    let last = used
        .flat_map(|path| path.split(['{', '}', ',', ';', ' ']).map(|part| part.rsplit("::").next().unwrap()));
    let mut names: BTreeSet<_> = last.map(str::to_owned).collect();
    let modules = ["parent", "spans/builder", "spans/kinds", "spans/setters"];
    let modules = modules.map(|module| read(&format!("recording/{module}.rs")));
    for source in modules.into_iter().chain([read("testing.rs")]) {
        for line in source.lines() {
            let defined =
                ["pub struct ", "pub enum ", "pub trait "].iter().find_map(|word| line.strip_prefix(word));
            // A line of the list that the spans by hand are made from.
            let listed =
                line.trim().strip_suffix(';').filter(|line| line.ends_with(')') && line.contains(": "));
            let name = defined.or(listed).unwrap_or_default();
            names.insert(name.split(|letter: char| !letter.is_alphanumeric()).next().unwrap().to_owned());
        }
    }
    names.retain(|name| name.starts_with(char::is_uppercase) && name != "TraceId");
    names
}

#[test]
fn every_public_type_is_shown_without_the_key() {
    listen();
    let mut gallery = Gallery::default();
    gallery.plain();
    gallery.of_a_test();
    gallery.of_a_handle();
    gallery.refusals();
    let shown = gallery.0.iter().map(|name| name.trim_start_matches("spans::").to_owned());
    let known: BTreeSet<_> = shown.chain(NEVER_SHOWN.map(str::to_owned)).collect();
    assert_eq!(known, public(), "the types shown here beside those that the crate has");
}

/// A service that does nothing.
#[derive(Clone, Debug)]
struct Ready;

impl Service<Request<()>> for Ready {
    type Response = ();
    type Error = ();
    type Future = std::future::Ready<Result<(), ()>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(()))
    }
}
