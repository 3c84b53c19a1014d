//! Variables of OpenTelemetry's SDK and exporters in a program's environment: they change nothing of what a handle
//! sends.

use cekura_trace_tests::backend::{Backend, Seen, deserted};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeSet;
use std::process::Command;

/// What a run sends in a process of its own, with everything taken out that differs from run to run.
fn sent(variables: &[(&str, &str)], run: &str, protocol: &str) -> String {
    let backend = Backend::new();
    let output = Command::new(env!("CARGO_BIN_EXE_foreign_variables"))
        .args([run, protocol, &backend.url()])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && shown.is_empty(), "{variables:?}: {shown}");
    let spans = backend.spans();
    let parent = |span: &Span| spans.iter().find(|parent| parent.span_id == span.parent_span_id);
    let mut shown: Vec<_> = spans
        .iter()
        .map(|span| {
            assert_eq!(span.trace_id, spans[0].trace_id);
            let attributes: Vec<_> =
                span.attributes.iter().filter(|attribute| !OF_ONE_RUN.contains(&&*attribute.key)).collect();
            let parent = parent(span).map(|parent| &parent.name);
            let events: Vec<_> = span.events.iter().map(|event| (&event.name, &event.attributes)).collect();
            let (name, kind, links) = (&span.name, span.kind, &span.links);
            format!("{name} under {parent:?}, kind {kind}: {attributes:?} {events:?} {links:?}")
        })
        .collect();
    shown.sort();
    // However many there are.
    let requests: BTreeSet<_> = backend.seen().iter().flat_map(requests).collect();
    format!("{shown:#?}\n{requests:#?}")
}

/// What no two runs say alike.
const OF_ONE_RUN: [&str; 2] = ["conversation.id", "turn.duration_seconds"];

/// What a request says beside its spans, for each scope in it.
fn requests(seen: &Seen) -> Vec<String> {
    let varying = ["host", "content-length"];
    let mut headers: Vec<_> =
        seen.headers.iter().filter(|(name, _)| !varying.contains(&name.as_str())).collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    let scopes = &seen.message.resource_spans[0].scope_spans;
    let said = |scope| format!("{} {headers:?} {:?} {scope:?}", seen.path, seen.resource());
    scopes.iter().map(|scope| said(&scope.scope)).collect()
}

#[test]
fn no_variable_of_opentelemetry_changes_what_a_handle_sends() {
    for protocol in ["grpc", "http"] {
        let plain = unchanged("handle", protocol);
        assert!(
            plain.contains("turn under Some(\\\"conversation\\\")") && plain.contains("canary"),
            "{plain}"
        );
    }
}

#[test]
fn nor_what_its_global_tracer_provider_makes() {
    let plain = unchanged("global", "grpc");
    assert!(plain.contains("event 2") && plain.contains("attribute 2"), "{plain}");
}

fn unchanged(run: &str, protocol: &str) -> String {
    let elsewhere = format!("http://{}", deserted());
    let variables = [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "0"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "0"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=foreign,foreign=true"),
        ("OTEL_SERVICE_NAME", "foreign"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-vendor-key=foreign,x-cekura-api-key=foreign"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-vendor-key=foreign"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &elsewhere),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &elsewhere),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem"),
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_PROPAGATORS", "none"),
        ("OTEL_LOG_LEVEL", "debug"),
        ("OTEL_CONFIG_FILE", "/nowhere.yaml"),
    ];
    let plain = sent(&[], run, protocol);
    for variable in variables {
        assert_eq!(sent(&[variable], run, protocol), plain, "{variable:?}");
    }
    assert_eq!(sent(&variables, run, protocol), plain);
    plain
}
