//! Everything that goes over HTTP by the program's own client: by its resolver, proxy and headers, with the promises that hold for
//! the library's own.

use cekura::{Audio, Builder, CallLog, Cekura, Mode, Protocol, Timings, current_conversation};
use cekura_trace_tests::api::{Api, KEY, Reply as Said};
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{LONG, adds_up, at, converse, quick, reasons};
use cekura_trace_tests::http_proxy::{HttpProxy, Manner};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, ClientBuilder, Proxy};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A name that only the program's own resolver knows.
const HOST: &str = "collector.test";

/// A client as it has to be. Without the machine's proxies, so that a test sees the same everywhere.
fn client() -> ClientBuilder {
    // A program that switches TLS on in reqwest brings one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).no_proxy().user_agent("ignored")
}

fn stop(attempt: Attempt<'_>) -> Action {
    attempt.stop()
}

/// The port of a server on this machine.
fn port(url: &str) -> u16 {
    url.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// Leads one name to this machine, and counts how often it was asked.
struct OneName(Arc<AtomicUsize>);

impl Resolve for OneName {
    fn resolve(&self, name: Name) -> Resolving {
        self.0.fetch_add(1, Ordering::Relaxed);
        let known = name.as_str() == HOST;
        Box::pin(async move {
            // The port is the URL's.
            let found: Addrs = Box::new(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0))));
            if known { Ok(found) } else { Err(format!("nobody knows {}", name.as_str()).into()) }
        })
    }
}

fn resolving() -> (ClientBuilder, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    (client().dns_resolver(OneName(asked.clone())), asked)
}

/// A handle for a collector that has a name.
fn named(port: u16) -> Builder {
    at(&format!("http://{HOST}:{port}"), Protocol::Http).allow_insecure(true)
}

/// A handle for a collector and an API, for agent 5.
fn observing(backend: &Backend, api: &Api) -> Builder {
    named(port(&backend.url())).api_key(KEY).agent(5).api_url(api.url())
}

#[cekura::conversation(client = handle, call_id = "call-7", observe, skip_all)]
fn recorded_call(handle: &Cekura) {
    let line = current_conversation().unwrap_or_default().audio();
    line.user(&[1_000_i16; 8_000], 16_000);
    // A call is recorded for as long as it lasts.
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn spans_call_logs_recordings_and_metrics_go_by_its_resolver_and_with_its_headers() {
    let (backend, api) = (Backend::new(), Api::scripted(|_, _| Said::stored(7)));
    let headers = [("x-program", "yes")].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let (client, asked) = resolving();
    let client = client.default_headers(headers.into_iter().collect()).build().unwrap();
    let handle = observing(&backend, &api).audio(Audio::stereo()).http_client(client).build().unwrap();
    recorded_call(&handle);
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.accepted, report.delivered, report.lost()), (1, 1, 0), "{report}");
    assert!(asked.load(Ordering::Relaxed) > 0, "another resolver was asked");

    let seen = backend.seen();
    let header = |name: &str| seen[0].header(name).unwrap_or_default().to_owned();
    let sent = concat!("cekura-trace/", env!("CARGO_PKG_VERSION"));
    assert_eq!([header("x-program"), header("user-agent"), header("x-cekura-api-key")], ["yes", sent, ""]);
    assert_eq!(seen[0].header("transfer-encoding"), None, "of a body whose length is known");

    let posted = api.seen().into_iter().find(|seen| seen.method == "POST").unwrap();
    let header = |name: &str| posted.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!((header("x-program"), header("x-cekura-api-key")), (Some("yes"), Some(KEY)));
    assert!(header("content-length").is_some() && header("transfer-encoding").is_none());
    assert_eq!(posted.body["call_id"], "call-7");
    assert!(posted.recording.is_some_and(|recording| recording.bytes.len() > 8_000));
}

#[test]
fn its_proxy_gets_every_request() {
    let (backend, api) = (Backend::new(), Api::scripted(|_, _| Said::stored(7)));
    let (spans, calls) = (format!("{HOST}:4318"), api.url().replace("http://", ""));
    let urls = (backend.url(), api.url());
    let proxy = HttpProxy::new(&[(&*spans, &*urls.0), (&*calls, &*urls.1)], Manner::Open);
    let client = client().proxy(Proxy::http(proxy.url("")).unwrap()).build().unwrap();
    let handle = named(4318).api_key(KEY).agent(5).api_url(api.url());
    // The machine's own proxy is not asked, and what it is set to is nobody's concern.
    let handle = handle.variables(|name| (name == "HTTP_PROXY").then(|| "socks://nowhere".to_owned()));
    let handle = handle.http_client(client).build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    assert_eq!(handle.observe_blocking(CallLog::new("call-7")).unwrap().id(), Some("7"));
    let requests = proxy.requests();
    for line in
        [format!("POST http://{spans}/v1/traces"), format!("POST http://{calls}/observability/v1/observe/")]
    {
        assert!(requests.iter().any(|request| request.starts_with(&line)), "no {line} in {requests:?}");
    }
}

#[test]
fn a_request_is_retried_as_without_it() {
    let backend = Backend::scripted(|_, before| match before {
        0 => Reply::fail(503, 14),
        1 => Reply::Silence,
        _ => Reply::Accept,
    });
    let (client, _) = resolving();
    let timings = Timings { attempt: Duration::from_millis(300), ..quick() };
    let handle = named(port(&backend.url())).timings(timings).http_client(client.build().unwrap());
    let handle = handle.build().unwrap();
    converse(&handle, 1);
    let report = handle.flush_blocking(LONG);
    assert_eq!((report.delivered, report.lost()), (2, 0), "{report}");
    assert!(backend.seen().len() >= 3, "{} requests", backend.seen().len());
    assert_eq!(backend.names(), ["conversation", "turn"]);
}

#[test]
fn its_own_time_limit_counts_too() {
    let backend = Backend::scripted(|_, before| if before == 0 { Reply::Silence } else { Reply::Accept });
    let (client, _) = resolving();
    let timings = Timings { attempt: LONG, ..quick() };
    let client = client.timeout(Duration::from_millis(300)).build().unwrap();
    let handle = named(port(&backend.url())).timings(timings).http_client(client).build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG).to_string(), "2 accepted, 2 delivered");
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let sent = Arc::<AtomicUsize>::default();
    let counted = sent.clone();
    let backend = Backend::scripted(move |_, _| Reply::Endless(counted.clone()));
    let (client, _) = resolving();
    let handle = named(port(&backend.url())).http_client(client.build().unwrap()).build().unwrap();
    converse(&handle, 1);
    let report = handle.flush_blocking(LONG);
    assert!(adds_up(&report) && report.delivered == 0, "{report}");
    assert_eq!(reasons(&report), [("unexpected_answer", 2)]);
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 64 << 20, "{sent} bytes were read");
}

#[test]
fn a_redirect_is_not_followed_and_the_key_stays_where_it_belongs() {
    let other = Backend::new();
    let (to, too) = (other.url(), other.url());
    let backend = Backend::scripted(move |_, _| Reply::Redirect(to.clone()));
    let api = Api::scripted(move |_, _| Said::Redirect(too.clone()));
    let (client, _) = resolving();
    let handle = observing(&backend, &api).http_client(client.build().unwrap()).build().unwrap();
    converse(&handle, 1);
    assert_eq!(reasons(&handle.flush_blocking(LONG)), [("unexpected_answer", 2)]);
    assert!(handle.observe_blocking(CallLog::new("call-7")).is_err());
    assert_eq!(other.connections(), 0, "a redirect was followed");
}

#[test]
fn what_a_client_cannot_do_is_refused_with_what_to_write() {
    let at = |protocol| {
        Cekura::builder().variables(|_| None).otel_endpoint("https://collector.test:1").protocol(protocol)
    };
    let refused = |builder: Builder| format!("{:?}", builder.build().unwrap_err());
    let follows = [
        client().redirect(Policy::default()),
        client().redirect(Policy::limited(3)),
        client().redirect(Policy::custom(stop)),
    ];
    for follows in follows {
        let said = refused(at(Protocol::Http).http_client(follows.build().unwrap()));
        let expected = ".http_client(…) must not follow redirects, which may take the API key to another host: make it \
                        with .redirect(Policy::none())";
        assert!(said.contains(expected), "{said}");
    }
    let good = || client().build().unwrap();
    let said = refused(at(Protocol::Grpc).http_client(good()));
    assert!(said.contains("cannot carry gRPC: add .protocol(Protocol::Http)"), "{said}");
    let said = refused(at(Protocol::Http).http_client(good()).no_proxy());
    assert!(
        said.contains("has proxies and certificates of its own: remove .proxy(…), .no_proxy()"),
        "{said}"
    );
    // Nothing is sent in local mode.
    let local = Cekura::builder().variables(|_| None).mode(Mode::Local).http_client(good()).build();
    assert!(local.is_ok(), "{:?}", local.err());
}

#[test]
fn what_is_wrong_with_it_is_said_with_where_to_look() {
    let (client, _) = resolving();
    let builder = at("http://nobody.test:4318", Protocol::Http).allow_insecure(true);
    let diagnosis = builder.http_client(client.build().unwrap()).doctor();
    let problems: Vec<_> = diagnosis.problems().collect();
    let expected = "check the client of .http_client(…): its resolver, proxies and certificates, and CEKURA_OTEL_ENDPOINT";
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert!(problem.contains("nobody.test cannot be resolved") && problem.ends_with(expected), "{problem}");
}

#[test]
fn the_doctor_asks_with_it() {
    let (backend, api) = (Backend::new(), Api::scripted(|_, _| Said::Body(200, "{}".to_owned())));
    let (client, asked) = resolving();
    let diagnosis = observing(&backend, &api).http_client(client.build().unwrap()).doctor();
    let shown = diagnosis.to_string();
    assert!(diagnosis.is_healthy(), "{shown}");
    for expected in
        ["with the program's own client", "left to the client of .http_client(…)", "accepted the span"]
    {
        assert!(shown.replace("\n                     ", " ").contains(expected), "{shown}");
    }
    assert!(asked.load(Ordering::Relaxed) > 0);
    assert_eq!(backend.names(), ["cekura.doctor"]);
}
