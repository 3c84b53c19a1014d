//! A service with OpenTelemetry of its own, before and after it is joined to Cekura: its own backend keeps getting
//! what it got, Cekura gets the calls and nothing else.

use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::tree::tree;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// What the backends have after two calls and some requests that are none.
struct Ran {
    own: Backend,
    cekura: Backend,
}

async fn run(program: &str) -> Ran {
    let (own, cekura) = (Backend::new(), Backend::new());
    let mut service = Command::new(program)
        .envs([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*own.url()),
            ("CEKURA_OTEL_ENDPOINT", &*cekura.url()),
            ("CEKURA_SERVICE_NAME", "clinic-agent"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(service.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let url = |path: &str| format!("http://{}{path}", address.trim());
    for (path, answer) in [("/health", "well"), ("/slots", "14:00"), ("/slots", "14:00")] {
        let response = client.get(url(path)).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), answer);
    }
    for call in ["call-1", "call-2"] {
        let response = client.post(url(&format!("/calls/{call}"))).body("tuesday").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "We have 14:00.");
    }
    drop(service.stdin.take());
    assert!(service.wait().unwrap().success());
    Ran { own, cekura }
}

async fn before() -> Ran {
    run(env!("CARGO_BIN_EXE_clinic_before")).await
}

async fn joined() -> Ran {
    run(env!("CARGO_BIN_EXE_clinic_joined")).await
}

/// What a backend can know of a span but its ids and times; the source's own name and lines are taken out too.
fn described(span: &Span, among: &[Span]) -> String {
    let parent = among.iter().find(|parent| parent.span_id == span.parent_span_id).map(|parent| &parent.name);
    let events: Vec<_> = span.events.iter().map(|event| (&event.name, values(&event.attributes))).collect();
    let status = span.status.clone().unwrap_or_default();
    let (kind, links, attributes) = (span.kind, span.links.len(), values(&span.attributes));
    let text = format!(
        "{} under {parent:?}: kind {kind}, {status:?}, {links} links, {attributes:?}, {events:?}",
        span.name
    );
    text.replace("clinic_joined", "clinic_before")
}

fn values(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    const VARYING: [&str; 5] = ["busy_ns", "idle_ns", "thread.id", "thread.name", "code.line.number"];
    let lasting = attributes.iter().filter(|attribute| !VARYING.contains(&&*attribute.key));
    let value =
        |attribute: &KeyValue| format!("{:?}", attribute.value.as_ref().and_then(|any| any.value.as_ref()));
    lasting.map(|attribute| (attribute.key.as_str(), value(attribute))).collect()
}

fn all_described<'s>(spans: impl IntoIterator<Item = &'s Span>, among: &[Span]) -> Vec<String> {
    let mut all: Vec<_> = spans.into_iter().map(|span| described(span, among)).collect();
    all.sort();
    all
}

/// The spans of traces that a request of this name began.
fn under<'s>(root: &str, spans: &'s [Span]) -> Vec<&'s Span> {
    let begins = |span: &&Span| span.name == root && span.parent_span_id.is_empty();
    let traces: Vec<_> = spans.iter().filter(begins).map(|root| &root.trace_id).collect();
    spans.iter().filter(|span| traces.contains(&&span.trace_id)).collect()
}

fn named<'s>(name: &str, spans: &'s [Span]) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// Resources and scopes of a backend's requests.
fn origins(backend: &Backend) -> Vec<String> {
    let mut origins = Vec::new();
    for seen in backend.seen() {
        for resource in seen.message.resource_spans {
            for scope in resource.scope_spans {
                let mut attributes = resource.resource.clone().unwrap_or_default().attributes;
                attributes.sort_by(|one, other| one.key.cmp(&other.key));
                origins.push(format!("{:?} {attributes:?}", scope.scope.unwrap_or_default().name));
            }
        }
    }
    origins.sort();
    origins.dedup();
    origins
}

#[tokio::test]
async fn requests_outside_calls_are_what_they_were() {
    let (before, joined) = (before().await.own.spans(), joined().await.own.spans());
    let (was, is) = (under("GET /slots", &before), under("GET /slots", &joined));
    assert_eq!(was.len(), 6);
    assert_eq!(all_described(is, &joined), all_described(was, &before));
    assert!(named("health", &before).is_empty() && named("health", &joined).is_empty());
}

#[tokio::test]
async fn what_the_own_backend_had_of_calls_it_still_has() {
    let (before, joined) = (before().await, joined().await);
    let (was, is) = (before.own.spans(), joined.own.spans());
    for name in ["POST /calls", "SELECT slots", "read_row", "POST /v1/chat"] {
        assert!(!named(name, &was).is_empty());
        // Within a call the parent is an annotated function now.
        let without_parents = |spans| all_described(named(name, spans), &[]);
        assert_eq!(without_parents(&is), without_parents(&was), "{name}");
    }
    let added = is.len() - was.len();
    let ours: usize = ["conversation", "tool_call", "llm"].map(|name| named(name, &is).len()).iter().sum();
    assert_eq!((added, ours), (6, 6));
    let scopes = |origins: Vec<String>| -> Vec<_> {
        origins.into_iter().filter(|origin| !origin.starts_with("\"cekura\"")).collect()
    };
    assert_eq!(scopes(origins(&joined.own)), origins(&before.own));
    assert!(before.cekura.seen().is_empty());
}

const CALL: &str = "\
conversation
  tool_call
    SELECT slots
      read_row
  llm
    POST /v1/chat
";

#[tokio::test]
async fn a_call_is_one_trace_in_both_backends() {
    let joined = joined().await;
    let own = joined.own.spans();
    let calls = under("conversation", &own);
    assert_eq!(tree(&calls.into_iter().cloned().collect::<Vec<_>>()), CALL.repeat(2));
    let spans = joined.cekura.spans();
    assert_eq!(tree(&spans), CALL.repeat(2));
    for span in &spans {
        let same = own.iter().find(|own| own.span_id == span.span_id).unwrap();
        assert_eq!(described(span, &spans), described(same, &own));
        assert_eq!((&span.trace_id, span.start_time_unix_nano), (&same.trace_id, same.start_time_unix_nano));
        // Of the service's own generator of ids, which counts.
        assert_eq!(span.trace_id[..12], [0; 12]);
    }
}

#[tokio::test]
async fn cekura_sees_its_own_resource_and_links_to_the_request() {
    let joined = joined().await;
    for seen in joined.cekura.seen() {
        let resource = &seen.resource().attributes;
        assert_eq!(text(resource, "service.name"), Some("clinic-agent"));
        assert_eq!(text(resource, "team"), None);
    }
    let own = joined.own.spans();
    let requests: Vec<_> = named("POST /calls", &own).iter().map(|span| span.span_id.clone()).collect();
    for conversation in named("conversation", &joined.cekura.spans()) {
        assert_eq!(conversation.links.len(), 1);
        assert!(requests.contains(&conversation.links[0].span_id));
    }
}

/// Lines that only one of two texts has.
fn changed_lines(before: &str, after: &str) -> usize {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let mut common = vec![vec![0; after.len() + 1]; before.len() + 1];
    for (i, line) in before.iter().enumerate() {
        for (j, other) in after.iter().enumerate() {
            common[i + 1][j + 1] =
                if line == other { common[i][j] + 1 } else { common[i][j + 1].max(common[i + 1][j]) };
        }
    }
    before.len() + after.len() - 2 * common[before.len()][after.len()]
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)).unwrap()
}

#[test]
fn it_is_joined_by_at_most_ten_lines() {
    let before = read("tests/src/bin/clinic_before.rs");
    let joined = read("tests/src/bin/clinic_joined.rs");
    assert_eq!(changed_lines("a\nb\nc", "a\nc\nd"), 2);
    let changed = changed_lines(&before, &joined);
    assert!((1..=10).contains(&changed), "{changed} lines");
    assert!(joined.lines().count() <= 120);
    let page = read("cekura-trace/src/guide/opentelemetry.md");
    let shown = page.split("```diff").find(|block| block.contains("attach")).unwrap();
    let shown: Vec<_> = shown.split("```").next().unwrap().lines().collect();
    let added: Vec<_> = shown.iter().filter_map(|line| line.strip_prefix('+')).collect();
    assert_eq!(added.len(), changed, "the page shows them all: {added:?}");
    let mut rest = joined.lines();
    for line in shown.iter().filter(|line| !line.is_empty() && !line.contains('⋮')) {
        assert!(rest.any(|own| own == &line[1..]), "the page shows {line:?}");
    }
}
