//! What events of `tracing` become: span events of the innermost span.

use crate::{call, captured, stage};
use cekura::opentelemetry::trace::TraceContextExt;
use cekura::{CaptureContent, Cekura, Protocol, Redact};
use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::handles::{LONG, to};
use cekura_trace_tests::host::Beside;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use tracing::subscriber::with_default;
use tracing::{debug, error, info, info_span, instrument, warn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

#[cekura::conversation(client = handle, skip_all)]
fn call_of(handle: &Cekura, body: impl FnOnce()) {
    body();
}

/// The spans that a backend gets of a call.
fn delivered(handle: impl FnOnce(cekura::Builder) -> cekura::Builder, body: impl FnOnce()) -> Vec<Span> {
    let backend = Backend::new();
    let handle = handle(to(&backend, Protocol::Grpc)).build().unwrap();
    let subscriber = Registry::default().with(cekura::layer().with_filter(LevelFilter::INFO));
    with_default(subscriber, || call_of(&handle, body));
    handle.shutdown_blocking(LONG);
    backend.spans()
}

fn events<'a>(spans: &'a [Span], name: &str) -> &'a [Event] {
    let named = spans.iter().find(|span| span.name == name);
    &named.unwrap_or_else(|| panic!("no {name}")).events
}

#[test]
fn an_event_has_its_message_its_level_its_target_and_its_fields() {
    let spans = delivered(
        |builder| builder,
        || {
            info_span!("query").in_scope(|| {
                info!(rows = 3, who = "Jane", shown = ?Some(1), "{} rows", 3);
                warn!(target: "pool", slow = true);
                debug!("left out");
                info!(log.target = "mine", log.line = 4, "a line of `log`");
                info!(target: "cekura::own", "an event of this crate");
                error!(error = "no disk", "failed");
            });
        },
    );
    let events = events(&spans, "query");
    let of = |event: &'_ Event, key: &str| text(&event.attributes, key).map(str::to_owned);
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names.len(), 4);
    assert_eq!([names[0], names[2], names[3]], ["3 rows", "a line of `log`", "failed"]);
    assert!(names[1].starts_with("event ") && names[1].contains("events.rs:"), "{}", names[1]);
    let first = &events[0];
    assert_eq!(of(first, "level").as_deref(), Some("INFO"));
    assert_eq!(of(first, "target").as_deref(), Some("tracing_layer::events"));
    assert_eq!([of(first, "who"), of(first, "shown")], [Some("Jane".to_owned()), Some("Some(1)".to_owned())]);
    assert!(first.attributes.iter().any(|attribute| attribute.key == "rows"));
    assert_eq!(of(&events[1], "target").as_deref(), Some("pool"));
    assert_eq!(of(&events[2], "target").as_deref(), Some("mine"));
    assert!(events[2].attributes.iter().all(|attribute| !attribute.key.starts_with("log.")));
    assert_eq!(of(&events[3], "error").as_deref(), Some("no disk"));
    let query = spans.iter().find(|span| span.name == "query").unwrap();
    let times = query.start_time_unix_nano..=query.end_time_unix_nano;
    assert!(events.iter().all(|event| times.contains(&event.time_unix_nano)));
}

#[instrument(err)]
fn fails() -> Result<(), std::io::Error> {
    Err(std::io::Error::other("no disk"))
}

#[test]
fn an_error_without_a_message_is_an_exception() {
    let spans = delivered(|builder| builder, || drop(fails()));
    let events = events(&spans, "fails");
    assert_eq!(events[0].name, "exception");
    assert_eq!(text(&events[0].attributes, "exception.message"), Some("no disk"));
}

#[test]
fn an_event_is_that_of_the_innermost_span() {
    let trace = captured(|| {
        info!("outside");
        call(|| {
            info!("of the conversation");
            let named = info_span!("named");
            stage(|| {
                info!("of the stage");
                info_span!("inner").in_scope(|| info!("of the inner"));
                info!(parent: &named, "of the named");
                info!(parent: None, "of nothing");
                info!("of the stage too");
            });
        });
        info!("outside");
        stage(|| info!("in no conversation"));
    });
    let all: Vec<_> =
        trace.spans().iter().map(|span| (span.name(), span.events().collect::<Vec<_>>())).collect();
    let expected = [
        ("conversation", vec!["of the conversation"]),
        ("named", vec!["of the named"]),
        ("stage", vec!["of the stage", "of the stage too"]),
        ("inner", vec!["of the inner"]),
        ("stage", vec![]),
    ];
    assert_eq!(all, expected);
}

#[test]
fn events_without_end_leave_room_for_the_rest() {
    let trace = captured(|| {
        call(|| {
            for number in 0..500 {
                info!(text = "x".repeat(20_000), "{number}");
            }
            cekura::record("mine", 1);
        });
    });
    let conversation = trace.span("conversation").unwrap();
    let events: Vec<_> = conversation.events().collect();
    assert_eq!((events.len(), events[0], events[127]), (128, "0", "127"));
    assert_eq!(conversation.attribute("cekura.truncated"), Some(&true.into()));
    assert_eq!(conversation.attribute("mine"), Some(&1.into()));
}

#[test]
fn what_is_personal_is_redacted() {
    let spans = delivered(
        |builder| builder.redact(Redact::standard()),
        || {
            info_span!("query", who = "jane@example.com").in_scope(|| {
                info!(mail = "jane@example.com", "wrote to jane@example.com");
                error!("no jane@example.com");
            });
        },
    );
    assert!(!format!("{spans:?}").contains("jane@"), "{spans:?}");
    let query = spans.iter().find(|span| span.name == "query").unwrap();
    assert!(text(&query.attributes, "who").is_some());
    assert!(query.attributes.iter().any(|attribute| attribute.key == "cekura.redacted"));
    assert_eq!(query.events.len(), 2);
}

#[test]
fn without_content_there_are_none() {
    let spans = delivered(
        |builder| builder.capture(CaptureContent::Metadata),
        || {
            info!("of the conversation");
            info_span!("query").in_scope(|| info!(rows = 3, "said"));
        },
    );
    assert_eq!(spans.len(), 2);
    assert!(spans.iter().all(|span| span.events.is_empty()));
}

#[test]
fn an_attached_tracer_provider_gets_them_too() {
    let beside = Beside::new(|builder| builder);
    beside.handle.attach(&beside.provider).unwrap();
    with_default(Registry::default().with(cekura::layer()), || {
        call_of(&beside.handle, || {
            info_span!("query", rows = 3).in_scope(|| {
                info!("said");
                let current = cekura::opentelemetry::Context::current();
                assert!(current.span().span_context().is_valid());
            });
        });
    });
    let spans = beside.delivered();
    assert_eq!(spans.len(), 2);
    let query = beside.exported.span("query");
    assert_eq!(query.events.iter().map(|event| &*event.name).collect::<Vec<_>>(), ["said"]);
    assert!(query.attributes.iter().any(|attribute| attribute.key.as_str() == "rows"));
}
