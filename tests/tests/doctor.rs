//! What a person reads who asks why no traces arrive, against servers that do wrong what servers do wrong.

use cekura::{Builder, Cekura, Diagnosis, Mode, Protocol};
use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{PROTOCOLS, at, to};

#[path = "doctor/hangs.rs"]
mod hangs;
#[path = "doctor/network.rs"]
mod network;
#[path = "doctor/spools.rs"]
mod spools;

const CANARY: &str = "canary-key-123";
const FOUND: &str = "{}";

/// Cekura's API as it answers a question about credentials.
fn api(status: u16, body: &'static str) -> Backend {
    Backend::scripted(move |_, _| match status {
        200 => Reply::Raw("application/json", body.as_bytes().to_vec()),
        _ => Reply::Fail { status, code: 0, wait: None, message: body.to_owned() },
    })
}

fn account(builder: Builder, api: &str) -> Builder {
    builder.api_key(CANARY).agent(7).api_url(api)
}

/// Every port as the same number, which keeps the width.
fn shown(diagnosis: &Diagnosis) -> String {
    let text = diagnosis.to_string();
    for said in [text.clone(), format!("{diagnosis:?}"), diagnosis.problems().collect()] {
        assert!(!said.contains("canary"), "{said}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80 && line.trim_end() == line), "{text}");
    let failed = text.lines().filter(|line| line.starts_with("FAIL")).count();
    assert_eq!(diagnosis.problems().count(), failed);
    assert_eq!(diagnosis.is_healthy(), failed == 0);
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        format!("{text}127.0.0.1:PORT_{}", part.trim_start_matches(char::is_numeric))
    })
}

/// The paragraphs of the checks that failed.
fn problems(diagnosis: &Diagnosis) -> String {
    let mut is_failed = false;
    let shown = shown(diagnosis);
    let lines = shown.lines().filter(|line| {
        is_failed = if line.starts_with(' ') { is_failed } else { line.starts_with("FAIL") };
        is_failed
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_set_up_is_healthy() {
    let (spans, api) = (Backend::new(), api(200, FOUND));
    let diagnosis = account(to(&spans, Protocol::Grpc), &api.url()).doctor();
    assert_eq!(
        shown(&diagnosis),
        "\
ok    configuration  agent 7, an API key; spans are sent over gRPC to
                     http://127.0.0.1:PORT_
ok    name           127.0.0.1 is an address
ok    connection     127.0.0.1:PORT_ accepts connections
ok    connection     127.0.0.1:PORT_ accepts connections
skip  TLS            not used: http://127.0.0.1:PORT_ is on this machine
skip  TLS            not used: http://127.0.0.1:PORT_ is on this machine
ok    credentials    the API key is valid for agent 7
ok    span           127.0.0.1:PORT_ accepted the span `cekura.doctor`"
    );
    assert_eq!(spans.names(), ["cekura.doctor"]);
    assert_eq!(spans.seen()[0].header("x-cekura-api-key"), Some(CANARY));
    let asked = &api.seen()[0];
    assert_eq!((asked.path.as_str(), asked.query.as_str()), ("/app/otel/validate/", "agent_id=7"));
    assert_eq!(asked.header("x-cekura-api-key"), Some(CANARY));
}

#[test]
fn a_good_set_up_is_healthy_over_tls_in_any_runtime_or_none() {
    let authority = Authority::default();
    for protocol in PROTOCOLS {
        let spans = Backend::encrypted(authority.server("localhost"));
        let api = Backend::encrypted(authority.server("127.0.0.1"));
        let url = spans.url().replace("127.0.0.1", "localhost");
        let builder = || {
            let builder = at(&url, protocol).root_certificate(authority.pem()).api_key(CANARY).project(42);
            builder.api_url(api.url())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for diagnosis in [builder().doctor(), runtime.block_on(async { builder().doctor() })] {
            assert!(diagnosis.is_healthy(), "{diagnosis}");
            let text = shown(&diagnosis);
            assert!(text.contains("ok    TLS            the certificate of localhost:"), "{text}");
            assert!(text.contains("the API key is valid for project 42"), "{text}");
        }
        assert_eq!(api.seen()[0].query, "project_id=42");
        assert_eq!(spans.names(), ["cekura.doctor"; 2]);
    }
}

#[test]
fn a_collector_needs_no_credentials() {
    let spans = Backend::new();
    let diagnosis = to(&spans, Protocol::Http).doctor();
    assert!(diagnosis.is_healthy(), "{diagnosis}");
    let text = shown(&diagnosis);
    assert!(text.contains("ok    configuration  no API key; spans are sent over HTTP to"), "{text}");
    let why = "skip  credentials    no API key is set; a collector of your own needs none";
    assert!(text.contains(why), "{text}");
    assert_eq!(spans.names(), ["cekura.doctor"]);
}

#[test]
fn the_environments_key_is_kept_from_a_collector_and_that_is_said() {
    let (spans, api) = (Backend::new(), api(200, FOUND));
    let (endpoint, url) = (spans.url(), api.url());
    let environment = move |name: &str| {
        Some(match name {
            "CEKURA_API_KEY" => CANARY.to_owned(),
            "CEKURA_AGENT_ID" => "7".to_owned(),
            "CEKURA_OTEL_ENDPOINT" => endpoint.clone(),
            "CEKURA_API_URL" => url.clone(),
            _ => return None,
        })
    };
    let diagnosis = Cekura::builder().variables(environment).doctor();
    assert!(diagnosis.is_healthy(), "{diagnosis}");
    assert!(shown(&diagnosis).contains("http://127.0.0.1:PORT_, without the key"), "{diagnosis}");
    assert_eq!(spans.seen()[0].header("x-cekura-api-key"), None);
}

/// What is said of an answer to the question about credentials.
fn credentials(status: u16, body: &'static str) -> String {
    let (spans, api) = (Backend::new(), api(status, body));
    let diagnosis = account(to(&spans, Protocol::Grpc), &api.url()).doctor();
    assert_eq!(spans.names(), ["cekura.doctor"], "it does not depend on the API");
    problems(&diagnosis)
}

#[test]
fn a_wrong_key_is_named() {
    assert_eq!(
        credentials(401, r#"{"detail": "canary-key-123 is no key."}"#),
        "\
FAIL  credentials    127.0.0.1:PORT_ rejects the API key (status 401: [REDACTED]
                     is no key.)
                     → copy it again from Cekura's dashboard into CEKURA_API_KEY"
    );
}

#[test]
fn a_problem_is_a_sentence() {
    let (spans, api) = (Backend::new(), api(401, ""));
    let diagnosis = account(to(&spans, Protocol::Http), &api.url()).doctor();
    let address = api.url().replace("http://", "");
    let expected = format!(
        "credentials: {address} rejects the API key (status 401); \
         copy it again from Cekura's dashboard into CEKURA_API_KEY"
    );
    assert_eq!(diagnosis.problems().collect::<Vec<_>>(), [expected]);
}

#[test]
fn a_wrong_id_is_named() {
    assert_eq!(
        credentials(403, "not for people"),
        "\
FAIL  credentials    the API key is not valid for agent 7 (status 403)
                     → check CEKURA_AGENT_ID, and that CEKURA_API_KEY belongs to
                       the same account"
    );
}

#[test]
fn a_server_that_is_not_the_api_is_named() {
    for (status, body) in [(404, "nothing here"), (200, "<html>Please log in</html>")] {
        let expected = format!(
            "\
FAIL  credentials    127.0.0.1:PORT_ is not Cekura's API (status {status})
                     → unset CEKURA_API_URL, or check it if you were given one"
        );
        assert_eq!(credentials(status, body), expected);
    }
}

#[test]
fn what_does_not_pass_by_waiting_is_no_matter_of_trying_again() {
    assert_eq!(
        credentials(402, ""),
        "\
FAIL  credentials    the Cekura account is out of credits (status 402)
                     → add credits on Cekura's dashboard"
    );
    assert_eq!(
        credentials(400, r#"{"detail": "no such agent"}"#),
        "\
FAIL  credentials    127.0.0.1:PORT_ does not accept agent 7 (status 400: no
                     such agent)
                     → check CEKURA_AGENT_ID"
    );
    assert!(credentials(429, "").contains("try again later"));
}

#[test]
fn a_server_in_trouble_is_no_fault_of_the_users() {
    assert_eq!(
        credentials(503, r#"{"detail": "maintenance"}"#),
        "\
FAIL  credentials    127.0.0.1:PORT_ answers with status 503: maintenance
                     → try again later"
    );
}

/// What is said of a backend that answers a span so.
fn span(reply: Reply, protocol: Protocol, key: bool) -> String {
    let (spans, api) = (Backend::scripted(move |_, _| reply.clone()), api(200, FOUND));
    let builder = to(&spans, protocol);
    problems(&if key { account(builder, &api.url()) } else { builder }.doctor())
}

#[test]
fn what_a_backend_says_of_the_span_is_explained() {
    let refused = || Reply::fail(401, 16);
    assert_eq!(
        span(refused(), Protocol::Grpc, true),
        "\
FAIL  span           127.0.0.1:PORT_ refuses the span: gRPC status 16 as the
                     script says
                     → check CEKURA_API_KEY, and CEKURA_AGENT_ID or
                       CEKURA_PROJECT_ID"
    );
    assert_eq!(
        span(refused(), Protocol::Http, false),
        "\
FAIL  span           127.0.0.1:PORT_ refuses the span: HTTP status 401 as the
                     script says
                     → set the credentials that it needs with .header(name,
                       value); CEKURA_API_KEY is sent only to Cekura's hosts"
    );
    assert_eq!(
        span(Reply::fail(404, 12), Protocol::Http, true),
        "\
FAIL  span           127.0.0.1:PORT_ does not accept spans: HTTP status 404 as
                     the script says
                     → check CEKURA_OTEL_ENDPOINT (also its path) and
                       CEKURA_PROTOCOL"
    );
    assert_eq!(
        span(Reply::Page, Protocol::Http, false),
        "\
FAIL  span           127.0.0.1:PORT_ does not accept spans: unexpected answer:
                     success with a page instead of an OTLP answer
                     → check CEKURA_OTEL_ENDPOINT (also its path) and
                       CEKURA_PROTOCOL"
    );
    assert_eq!(
        span(Reply::Partial(1, "no room"), Protocol::Grpc, false),
        "\
FAIL  span           127.0.0.1:PORT_ rejects the span: no room
                     → ask its operator what is wrong with the span"
    );
    assert_eq!(
        span(Reply::fail(503, 14), Protocol::Grpc, false),
        "\
FAIL  span           127.0.0.1:PORT_ accepts no spans at the moment: gRPC status
                     14 as the script says
                     → try again later; an agent keeps its spans and retries for
                       some minutes"
    );
}

#[test]
fn plain_http_to_another_host_is_refused_before_anything_is_sent() {
    let diagnosis = at("http://collector:4317", Protocol::Grpc).doctor();
    assert_eq!(
        shown(&diagnosis),
        "\
FAIL  configuration  .otel_endpoint(…) is plain http to another machine: use
                     https, or set CEKURA_ALLOW_INSECURE=true"
    );
}

#[test]
fn every_mistake_of_the_configuration_is_shown() {
    let environment = |name: &str| match name {
        "CEKURA_API_KEY" => Some("canary key".to_owned()),
        "CEKURA_AGENT_ID" => Some("canary".to_owned()),
        _ => None,
    };
    assert_eq!(
        shown(&Cekura::builder().variables(environment).doctor()),
        "\
FAIL  configuration  CEKURA_AGENT_ID must be a whole number
FAIL  configuration  CEKURA_API_KEY must be visible ASCII without spaces or line
                     breaks"
    );
    let pem = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let diagnosis = at("https://127.0.0.1:1", Protocol::Grpc).root_certificate(pem).doctor();
    let text = problems(&diagnosis);
    assert!(text.starts_with("FAIL  configuration  the delivery of spans could not be started"), "{text}");
}

#[test]
fn off_and_local_are_healthy_and_send_nothing() {
    let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "no".to_owned());
    assert_eq!(
        shown(&Cekura::builder().variables(off).doctor()),
        "\
ok    configuration  tracing is off because of CEKURA_TRACER_ENABLED; nothing
                     else was checked"
    );
    let spans = Backend::new();
    assert_eq!(
        shown(&to(&spans, Protocol::Grpc).mode(Mode::Local).doctor()),
        "\
ok    configuration  local mode: conversations are drawn on standard error and
                     kept as pages in cekura-traces/; nothing is sent.
                     CEKURA_MODE=cloud sends them"
    );
    assert_eq!(spans.connections(), 0);
}

#[test]
fn an_address_for_metrics_that_a_handle_refuses_is_named_in_every_mode() {
    let (spans, taken) = (Backend::new(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    for mode in [Mode::Cloud, Mode::CloudAndLocal, Mode::Local] {
        // The other one is no machine's.
        for address in [taken.local_addr().unwrap().to_string(), "192.0.2.1:9464".to_owned()] {
            let builder = || {
                let builder = to(&spans, Protocol::Grpc).mode(mode).metrics_public(true);
                builder.metrics_listen(&address)
            };
            let error = builder().build().unwrap_err();
            let problems = builder().doctor().problems().collect::<Vec<_>>();
            assert_eq!(problems, [format!("configuration: {error}")], "{mode:?}");
        }
    }
}
