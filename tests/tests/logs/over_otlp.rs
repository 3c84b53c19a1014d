//! OTLP logs of `opentelemetry-appender-tracing`, as a server gets them.

use super::{call, turn};
use axum::body::Bytes;
use axum::extract::State;
use axum::{Router, routing::post};
use cekura::{Cekura, Protocol, Redact};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, to};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{LogExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use prost::Message;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tracing::field::{Field, Visit};
use tracing::subscriber::with_default;
use tracing::{Event, Subscriber, info, info_span, warn};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

type Logs = Arc<Mutex<Vec<LogRecord>>>;
type Appender = OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger>;

async fn take(State(logs): State<Logs>, body: Bytes) {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    logs.lock().unwrap().extend(scopes.flat_map(|scope| scope.log_records));
}

/// What a server gets of what is logged under the subscriber that `with` makes of an appender.
fn sent<L: Layer<Registry> + Send + Sync>(
    with: impl FnOnce(Appender) -> L,
    body: impl FnOnce(),
) -> Vec<LogRecord> {
    let logs = Logs::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}/v1/logs", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/logs", post(take)).with_state(logs.clone());
    runtime.spawn(async { axum::serve(listener, router).await });
    let _inside = runtime.enter();
    let client = HyperClient::with_default_connector(LONG, None);
    let exporter =
        LogExporter::builder().with_http().with_http_client(client).with_endpoint(url).build().unwrap();
    let provider = SdkLoggerProvider::builder().with_simple_exporter(exporter).build();
    let subscriber = tracing_subscriber::registry().with(with(OpenTelemetryTracingBridge::new(&provider)));
    with_default(subscriber, body);
    let logs = logs.lock().unwrap();
    logs.iter().filter(|log| log.event_name.contains("over_otlp")).cloned().collect()
}

/// Its body, and its attributes in their order.
fn told(log: &LogRecord) -> (String, Vec<(&str, &Value)>) {
    let body = match log.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    let attributes =
        log.attributes.iter().filter_map(|own| Some((own.key.as_str(), own.value.as_ref()?.value.as_ref()?)));
    (body, attributes.collect())
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

fn handle(redact: Option<Redact>) -> (Backend, Cekura) {
    let backend = Backend::new();
    let builder = to(&backend, Protocol::Grpc);
    let builder = if let Some(redact) = redact { builder.redact(redact) } else { builder };
    let handle = builder.build().unwrap();
    (backend, handle)
}

#[test]
fn otlp_logs_of_a_call_have_its_id_and_turn_beside_the_ids_of_the_span() {
    let (backend, handle) = handle(None);
    let logs = sent(cekura::logs::layer, || {
        info!(port = 8080, "outside");
        call(&handle, "call-42", || {
            info!("hello");
            turn(|| info!(day = "tuesday", "booked"));
        });
    });
    handle.shutdown_blocking(LONG);
    let (spans, id) = (backend.spans(), text("call-42"));
    let told: Vec<_> = logs.iter().map(told).collect();
    assert_eq!(told[0], ("outside".to_owned(), vec![("port", &Value::IntValue(8080))]));
    assert_eq!(told[1], ("hello".to_owned(), vec![("call_id", &id)]));
    let day = text("tuesday");
    assert_eq!(
        told[2],
        ("booked".to_owned(), vec![("day", &day), ("call_id", &id), ("turn", &Value::IntValue(1))])
    );
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!((&logs[1].trace_id, &logs[1].span_id), (&of("turn").trace_id, &of("conversation").span_id));
    assert_eq!(logs[2].span_id, of("turn").span_id);
    assert!(logs[0].trace_id.is_empty() && logs[0].span_id.is_empty());
}

#[derive(Debug)]
struct Twice(std::io::Error);

impl std::fmt::Display for Twice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("twice")
    }
}

impl std::error::Error for Twice {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn every_kind() {
    let error = Twice(std::io::Error::other("the cause"));
    let error: &dyn std::error::Error = &error;
    info!(
        text = "a\n\"b\"", shown = ?"c", display = %"d", negative = -1, large = u64::MAX, wide = 7_u128, low = -7_i128, half = 0.5,
        yes = true, bytes = &b"ab"[..], error, none = None::<u8>, "said"
    );
}

#[test]
fn values_keep_their_types() {
    let (_backend, handle) = handle(None);
    let plain = sent(|appender| appender, every_kind);
    let wrapped = sent(cekura::logs::layer, || {
        every_kind();
        call(&handle, "call-1", every_kind);
    });
    let expected = told(&plain[0]);
    assert_eq!(expected.1.len(), 11);
    assert_eq!(told(&wrapped[0]), expected);
    let (body, mut attributes) = told(&wrapped[1]);
    assert_eq!(attributes.pop(), Some(("call_id", &text("call-1"))));
    assert_eq!((body, attributes), expected);
}

#[test]
fn a_field_of_the_program_that_is_called_so_gets_another_name_everywhere() {
    let (_backend, handle) = handle(None);
    let logs = sent(cekura::logs::layer, || {
        let say = || info!(call_id = "theirs", turn = 9, "said");
        say();
        call(&handle, "call-1", || turn(say));
    });
    let theirs = [("fields.call_id", text("theirs")), ("fields.turn", Value::IntValue(9))];
    let mut expected: Vec<_> = theirs.iter().map(|(key, value)| (*key, value)).collect();
    assert_eq!(told(&logs[0]).1, expected);
    let ours = [("call_id", text("call-1")), ("turn", Value::IntValue(1))];
    expected.extend(ours.iter().map(|(key, value)| (*key, value)));
    assert_eq!(told(&logs[1]).1, expected);
}

#[test]
fn a_filter_of_the_layer_filters() {
    let (_backend, handle) = handle(None);
    let say = || {
        call(&handle, "call-1", || {
            info!("quiet");
            warn!("loud");
        });
    };
    let outside = sent(|appender| cekura::logs::layer(appender).with_filter(LevelFilter::WARN), say);
    let inside = sent(|appender| cekura::logs::layer(appender.with_filter(LevelFilter::WARN)), say);
    for logs in [outside, inside] {
        assert_eq!(logs.iter().map(|log| told(log).0).collect::<Vec<_>>(), ["loud"]);
    }
}

#[test]
fn what_the_handle_redacts_is_redacted_over_otlp() {
    const CARD: &str = "4111 1111 1111 1111";
    let (_backend, handle) = handle(Some(Redact::standard().key("vip")));
    let logs = sent(cekura::logs::layer, || {
        call(&handle, "call-1", || {
            let error: &dyn std::error::Error = &std::io::Error::other(CARD);
            info!(pan = 4_111_111_111_111_111_u64, shown = ?Some(CARD), vip = true, at = 1_765_432_100, error, "{CARD}");
        });
        handle.shutdown_blocking(LONG);
        info!("after {CARD}");
    });
    let (body, attributes) = told(&logs[0]);
    let marks = ["[card]", "Some(\"[card]\")", "[redacted]", "[card]", "call-1"].map(text);
    let [pan, shown, vip, error, id] = &marks;
    let at = Value::IntValue(1_765_432_100);
    let expected = vec![
        ("pan", pan),
        ("shown", shown),
        ("vip", vip),
        ("at", &at),
        ("exception.message", error),
        ("call_id", id),
    ];
    assert_eq!((body.as_str(), attributes), ("[card]", expected));
    assert_eq!(told(logs.last().unwrap()).0, "after [card]");
}

/// What a layer sees of an event, and of the span that it is in.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>> Layer<S> for Seen {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        struct Names(Vec<&'static str>);
        impl Visit for Names {
            fn record_debug(&mut self, field: &Field, _: &dyn Debug) {
                self.0.push(field.name());
            }
        }
        let mut names = Names(Vec::new());
        event.record(&mut names);
        let span = context.event_span(event).map_or("none", |span| span.name());
        let seen = format!("{span}: {} {}", names.0.len(), names.0.last().unwrap());
        self.0.lock().unwrap().push(seen);
    }
}

macro_rules! many {
    ($($name:ident)*) => { info!($($name = 1,)* "many") };
}

#[test]
fn any_layer_sees_the_fields_and_the_span_of_the_event() {
    let (_backend, handle) = handle(None);
    let seen = Seen::default();
    with_default(tracing_subscriber::registry().with(cekura::logs::layer(seen.clone())), || {
        call(&handle, "call-1", || {
            let (outer, inner) = (info_span!("outer"), info_span!("inner"));
            let _inner = inner.enter();
            info!("contextual");
            info!(parent: &outer, "explicit");
            info!(parent: None, "root");
            info!(no_message = true);
            many!(a b c d e f g h i j k l m n o p q r s t u v w x y z aa ab ac ad ae af ag ah ai aj ak al am an ao ap aq ar as_ at au av aw
                ax ay az ba bb bc bd be bf bg);
            many!(a b c d e f g h i j k l m n o p q r s t u v w x y z aa ab ac ad ae af ag ah ai aj ak al am an ao ap aq ar as_ at au av aw
                ax ay az ba bb bc bd be bf bg bh);
        });
    });
    let seen = seen.0.lock().unwrap();
    let expected = [
        "inner: 2 call_id",
        "outer: 2 call_id",
        "none: 2 call_id",
        "inner: 2 call_id",
        "inner: 61 call_id",
        "inner: 61 bh",
    ];
    assert_eq!(*seen, expected);
}
