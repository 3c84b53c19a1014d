//! What goes through a proxy, what the proxy can read of it, and what is said where it does not let anything through.

use cekura::{Builder, CallLog, Cekura, Protocol, Timings};
use cekura_trace_tests::api::{Api, KEY, Reply};
use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, at, converse, quick, reasons};
use cekura_trace_tests::http_proxy::{HttpProxy, Manner};
use serde_json::json;
use std::time::{Duration, Instant};
use tracing::Level;

const TRACES: &str = "otel.example.test";
const API: &str = "api.example.test";
/// `agent` with the password `s3cret/`.
const PASSWORD: &str = "Basic YWdlbnQ6czNjcmV0Lw==";
const USER: &str = "agent:s3cret%2F@";

/// Cekura behind a proxy, for nobody else knows where its hosts are.
struct Office {
    authority: Authority,
    spans: Backend,
    api: Api,
    proxy: HttpProxy,
}

fn office(manner: Manner) -> Office {
    let authority = Authority::default();
    let spans = Backend::encrypted(authority.server(TRACES));
    let api = Api::encrypted(authority.server(API), |seen, _| match seen.method.as_str() {
        "POST" => Reply::stored(7),
        _ => Reply::json(200, &json!({})),
    });
    let hosts = [("otel.example.test:443", spans.url()), ("api.example.test:443", api.url())];
    let hosts = hosts.each_ref().map(|(host, url)| (*host, url.as_str()));
    let proxy = HttpProxy::new(&hosts, manner);
    Office { authority, spans, api, proxy }
}

impl Office {
    fn builder(&self, protocol: Protocol) -> Builder {
        let builder = at(&format!("https://{TRACES}"), protocol).root_certificate(self.authority.pem());
        builder.api_key(KEY).agent(5).api_url(format!("https://{API}"))
    }
}

fn environment(name: &'static str, value: String) -> impl Fn(&str) -> Option<String> + 'static {
    move |asked| (asked == name).then(|| value.clone())
}

#[test]
fn spans_and_call_logs_go_through_a_tunnel_in_which_the_key_is_not_to_be_read() {
    for protocol in PROTOCOLS {
        for (name, manner, user) in [
            ("HTTPS_PROXY", Manner::Open, ""),
            ("https_proxy", Manner::Password(PASSWORD), USER),
            ("ALL_PROXY", Manner::Open, ""),
        ] {
            let office = office(manner);
            let environment = environment(name, office.proxy.url(user));
            let handle = office.builder(protocol).variables(environment).build().unwrap();
            converse(&handle, 2);
            assert_eq!(handle.flush_blocking(LONG).to_string(), "3 accepted, 3 delivered", "{name}");
            let log = CallLog::new("a secret call");
            assert_eq!(handle.observe_blocking(log).unwrap().id(), Some("7"));
            assert_eq!(office.spans.seen()[0].header("x-cekura-api-key"), Some(KEY));
            assert_eq!(office.api.requests(), ["POST /observability/v1/observe/"]);
            let headers = if user.is_empty() { "[host]" } else { "[host proxy-authorization]" };
            for host in [TRACES, API] {
                let asked = format!("CONNECT {host}:443 HTTP/1.1 {headers}");
                assert!(office.proxy.requests().contains(&asked), "{:?}", office.proxy.requests());
            }
            for unreadable in [KEY, "x-cekura", "conversation", "a secret call", "observability"] {
                assert!(!office.proxy.has_seen(unreadable), "{unreadable} in the clear");
            }
            assert!(office.proxy.has_seen("CONNECT "));
        }
    }
}

#[test]
fn the_exporter_for_the_standard_pipeline_uses_the_proxy_too() {
    use cekura::opentelemetry::trace::{Tracer, TracerProvider};
    let office = office(Manner::Open);
    let builder = office.builder(Protocol::Http).proxy(office.proxy.url(""));
    let exporter = builder.span_exporter().unwrap();
    let provider =
        opentelemetry_sdk::trace::SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    provider.tracer("program").in_span("work", |_| {});
    provider.force_flush().unwrap();
    assert_eq!(office.spans.names(), ["work"]);
}

/// Of plain http a proxy reads everything, which a person has allowed; no key goes there.
#[test]
fn plain_http_is_asked_for_by_its_whole_address() {
    for (manner, user, headers) in [
        (Manner::Open, "", "[content-length content-type host user-agent]"),
        (
            Manner::Password(PASSWORD),
            USER,
            "[content-length content-type host proxy-authorization user-agent]",
        ),
    ] {
        let spans = Backend::new();
        let proxy = HttpProxy::new(&[("collector.test:4318", &spans.url())], manner);
        let builder = at("http://collector.test:4318", Protocol::Http).allow_insecure(true);
        let environment = environment("http_proxy", proxy.url(user));
        let handle = builder.api_key(KEY).agent(5).variables(environment).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).to_string(), "2 accepted, 2 delivered");
        let requests = proxy.requests();
        let line = "POST http://collector.test:4318/v1/traces HTTP/1.1";
        assert!(requests.iter().all(|request| request.starts_with(line)), "{requests:?}");
        let said = requests[0].replace("content-encoding ", "");
        assert_eq!(said, format!("{line} {headers}"));
        assert!(!proxy.has_seen(KEY));
        assert_eq!(spans.seen()[0].header("proxy-authorization"), None);
    }
}

#[test]
fn grpc_goes_through_a_tunnel_without_tls_too() {
    let spans = Backend::new();
    let proxy = HttpProxy::new(&[("collector.test:4317", &spans.url())], Manner::Open);
    let builder = at("http://collector.test:4317", Protocol::Grpc).allow_insecure(true);
    let handle = builder.variables(environment("HTTP_PROXY", proxy.url(""))).build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG).to_string(), "2 accepted, 2 delivered");
    assert_eq!(proxy.requests(), ["CONNECT collector.test:4317 HTTP/1.1 [host]"]);
}

#[test]
fn this_machine_and_what_no_proxy_names_are_reached_directly() {
    for protocol in PROTOCOLS {
        let (spans, proxy) = (Backend::new(), HttpProxy::new(&[], Manner::Open));
        let environment = environment("ALL_PROXY", proxy.url(""));
        let handle = at(&spans.url(), protocol).variables(environment).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).delivered, 2);
        assert!(proxy.requests().is_empty());
    }
    let office = office(Manner::Open);
    let url = office.proxy.url("");
    let direct = move |asked: &str| match asked {
        "HTTPS_PROXY" => Some(url.clone()),
        "NO_PROXY" => Some("localhost, .example.test".to_owned()),
        _ => None,
    };
    let handle = office.builder(Protocol::Http).variables(direct).build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(SHORT).pending, 2, "nobody knows the name");
    assert!(office.proxy.requests().is_empty());
}

#[test]
fn code_wins_over_the_environment() {
    let (office, other) = (office(Manner::Open), HttpProxy::new(&[], Manner::Status(500)));
    let builder = office.builder(Protocol::Grpc).variables(environment("HTTPS_PROXY", other.url("")));
    let handle = builder.proxy(office.proxy.url("")).build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    let builder = office.builder(Protocol::Grpc).variables(environment("HTTPS_PROXY", other.url("")));
    let handle = builder.no_proxy().build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(SHORT).pending, 2);
    assert!(other.requests().is_empty());
}

#[test]
fn spans_wait_for_a_proxy_that_is_away_or_refuses() {
    for protocol in PROTOCOLS {
        let address = deserted();
        let office = office(Manner::Open);
        let handle = office.builder(protocol).proxy(format!("http://{address}")).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(SHORT).pending, 2);
        let hosts = [("otel.example.test:443", office.spans.url())];
        let hosts = hosts.each_ref().map(|(host, url)| (*host, url.as_str()));
        let proxy = HttpProxy::at(address, &hosts, Manner::Open);
        assert_eq!(handle.flush_blocking(LONG).delivered, 2);
        assert!(!proxy.requests().is_empty());
    }
    for manner in [Manner::Password(PASSWORD), Manner::Status(403), Manner::Status(302), Manner::Silent] {
        for protocol in PROTOCOLS {
            let office = office(manner);
            let timings = Timings {
                connect: SHORT,
                tls: SHORT,
                attempt: 3 * SHORT,
                give_up: Duration::from_millis(100),
                ..quick()
            };
            let builder = office.builder(protocol).proxy(office.proxy.url("")).timings(timings);
            let handle = builder.build().unwrap();
            converse(&handle, 1);
            let start = Instant::now();
            let report = handle.flush_blocking(LONG);
            assert!(start.elapsed() < LONG / 2, "{manner:?}");
            let [(reason, 2)] = reasons(&report)[..] else { panic!("{manner:?}: {report}") };
            assert!(["unreachable", "timeout"].contains(&reason), "{manner:?}: {report}");
            assert!(office.spans.seen().is_empty() && !office.proxy.has_seen(KEY));
        }
    }
}

/// The paragraph of a check, on one line.
fn said(builder: Builder, check: &str) -> String {
    let diagnosis = builder.doctor();
    let text = format!("{diagnosis}").replace("\n                     ", " ").replace("  →", " →");
    for secret in ["canary", "s3cret", "YWdlbnQ6"] {
        assert!(!text.contains(secret) && !format!("{diagnosis:?}").contains(secret), "{text}");
    }
    let lines = text.lines().filter(|line| line.contains(check)).map(str::to_owned);
    lines.collect::<Vec<_>>().join("\n").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_diagnosis_goes_through_the_proxy_and_names_it() {
    for protocol in PROTOCOLS {
        let office = office(Manner::Password(PASSWORD));
        let builder =
            || office.builder(protocol).variables(environment("HTTPS_PROXY", office.proxy.url(USER)));
        let diagnosis = builder().doctor();
        assert!(diagnosis.is_healthy(), "{diagnosis}");
        let proxy = office.proxy.address();
        let configured = said(builder(), "configuration");
        assert!(
            configured.contains(&format!("https://{TRACES}:443 through the proxy {proxy}")),
            "{configured}"
        );
        let connection = said(builder(), "connection");
        let led = format!("{proxy}, the proxy of HTTPS_PROXY, connects to {TRACES}:443");
        assert!(connection.contains(&led), "{connection}");
        assert!(said(builder(), "TLS").contains(&format!("the certificate of {TRACES}:443 is trusted")));
    }
}

#[test]
fn a_diagnosis_says_what_the_proxy_answers() {
    let connection = |manner| {
        let office = office(manner);
        let builder = office.builder(Protocol::Grpc);
        let builder = builder.variables(environment("HTTPS_PROXY", office.proxy.url("agent:canary@")));
        said(builder.timings(Timings { connect: SHORT, ..quick() }), "connection")
    };
    let text = connection(Manner::Password(PASSWORD));
    assert!(text.contains("the proxy of HTTPS_PROXY asks for a user and password (status 407)"), "{text}");
    assert!(text.contains("→ write them in HTTPS_PROXY: http://user:password@host:port"), "{text}");
    let text = connection(Manner::Status(403));
    assert!(text.contains("the proxy of HTTPS_PROXY refuses the connection (status 403)"), "{text}");
    assert!(text.contains("allow otel.example.test:443 in the proxy"), "{text}");
    assert!(text.contains("name otel.example.test in NO_PROXY"), "{text}");
    let text = connection(Manner::Silent);
    assert!(text.contains("the proxy of HTTPS_PROXY: no answer in time"), "{text}");
    let office = office(Manner::Open);
    let builder = office.builder(Protocol::Http).proxy(format!("http://{}", deserted()));
    let text = said(builder, "connection");
    assert!(text.contains(", the proxy of .proxy(…): Connection refused"), "{text}");
}

#[test]
fn a_proxy_that_asks_for_a_password_for_plain_http_is_named() {
    let proxy = HttpProxy::new(&[], Manner::Password(PASSWORD));
    let builder = at("http://collector.test:4318", Protocol::Http).allow_insecure(true);
    let text = said(builder.variables(environment("http_proxy", proxy.url(""))), "span");
    assert!(text.contains("the proxy asks for a user and password: HTTP status 407"), "{text}");
    assert!(text.contains("→ write them in HTTP_PROXY: http://user:password@host:port"), "{text}");
}

#[test]
fn a_bad_proxy_is_an_error_at_start_that_names_the_variable() {
    let builder = Cekura::builder().variables(environment("HTTPS_PROXY", "socks5://canary:1".to_owned()));
    let error = builder.api_key(KEY).agent(5).build().unwrap_err();
    assert!(error.is_configuration() && error.to_string().starts_with("HTTPS_PROXY must be"), "{error}");
    assert!(!format!("{error:?}").contains("canary"));
}

/// What a developer's machine has set for other programs.
#[test]
fn an_agent_starts_on_a_machine_whose_proxies_it_does_not_use() {
    listen();
    for (name, value) in [
        ("ALL_PROXY", "socks5://canary:1080"),
        ("HTTPS_PROXY", "https://canary:3128"),
        ("https_proxy", "ftp://canary"),
        ("ALL_PROXY", " "),
        ("no_proxy", "localhost,canary:bar,http://canary"),
    ] {
        let (spans, api) = (Backend::new(), Api::new());
        let builder = at(&spans.url(), Protocol::Grpc).api_key(KEY).agent(5).api_url(api.url());
        let handle = builder.variables(environment(name, value.to_owned())).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).delivered, 2, "{name}");
    }
    let told = heard("no_proxy has entries");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].level, told[0].target.as_str()), (Level::WARN, "cekura"));
    assert!(heard("canary").iter().all(|heard| !heard.text.contains("proxy has")), "{:?}", heard("canary"));
}
