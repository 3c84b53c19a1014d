//! Why spans and call logs do not arrive, as the last line of a program says it: real servers, real programs, what each prints
//! on standard error.

use cekura_trace_tests::api::{Api, KEY, Reply as ApiReply};
use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::{Backend, Reply, deserted};
use cekura_trace_tests::http_proxy::{HttpProxy, Manner};
use cekura_trace_tests::strangers::{BAD_REQUEST, HTTP_2, saying, saying_over_tls, server};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, thread};

const PROTOCOLS: [&str; 2] = ["grpc", "http"];

/// An agent, with these variables and no others.
fn agent(variables: &[(&str, &str)]) -> Command {
    let mut agent = Command::new(env!("CARGO_BIN_EXE_plain_agent"));
    agent.env_clear().envs(variables.iter().copied());
    agent
}

fn ended(agent: &mut Command) -> Output {
    let output = agent.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// The last line of an agent for spans at a URL.
fn last_line(protocol: &str, url: &str, more: &[(&str, &str)]) -> String {
    let mut variables = vec![("CEKURA_PROTOCOL", protocol), ("CEKURA_OTEL_ENDPOINT", url)];
    variables.extend(more);
    let output = ended(&mut agent(&variables));
    let lines = String::from_utf8(output.stderr).unwrap();
    assert!(!lines.contains("canary"), "{lines}");
    assert!(lines.chars().all(|each| each == '\n' || !each.is_control()), "{lines:?}");
    let line = lines.lines().last().unwrap_or_default().to_owned();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    line
}

/// The agent has lost both spans for this reason.
fn lost(protocol: &str, url: &str, more: &[(&str, &str)], cause: &str) {
    let line = last_line(protocol, url, more);
    let expected = format!("cekura: spans were lost: 2 dropped; {cause}");
    assert!(line.starts_with(&expected), "{protocol} {url}\n  {line}\n  {expected}");
}

/// Both at the same time: each waits for programs.
fn each(protocols: [&'static str; 2], does: impl Fn(&'static str) + Sync) {
    let does = &does;
    thread::scope(|scope| {
        protocols.map(|protocol| scope.spawn(move || does(protocol))).map(|done| done.join().unwrap())
    });
}

/// Host and port.
fn address(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, address)| address)
}

/// Files of this test.
fn file(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("causes");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_wrong_protocol_is_named_with_the_setting_that_mends_it() {
    let authority = Authority::default();
    let root = file("protocol.pem", &authority.pem());
    let root = [("ROOT", root.to_str().unwrap())];
    let tls = authority.server("127.0.0.1");
    let http = saying(BAD_REQUEST);
    lost(
        "grpc",
        &format!("http://{http}"),
        &[],
        &format!("{http} answered gRPC with HTTP: set CEKURA_PROTOCOL=http"),
    );
    let grpc = saying(HTTP_2);
    lost(
        "http",
        &format!("http://{grpc}"),
        &[],
        &format!("{grpc} answered HTTP with gRPC: set CEKURA_PROTOCOL=grpc"),
    );
    for protocols in [&[&b"http/1.1"[..]][..], &[]] {
        let http = saying_over_tls(&tls, protocols, BAD_REQUEST);
        let cause = format!("{http} answered gRPC with HTTP: set CEKURA_PROTOCOL=http");
        let line = last_line("grpc", &format!("https://{http}"), &root);
        assert!(
            line.contains("answered gRPC with HTTP") && line.contains(": set CEKURA_PROTOCOL=http"),
            "{line} {cause}"
        );
    }
    for protocols in [&[&b"h2"[..]][..], &[]] {
        let grpc = saying_over_tls(&tls, protocols, HTTP_2);
        let line = last_line("http", &format!("https://{grpc}"), &root);
        assert!(
            line.contains("answered HTTP with gRPC") && line.contains(": set CEKURA_PROTOCOL=grpc"),
            "{line}"
        );
    }
    // One that speaks HTTP/2 and knows no gRPC.
    let web = Backend::scripted(|_, _| Reply::Page);
    let line = last_line("grpc", &web.url(), &[]);
    assert!(line.contains("CEKURA_OTEL_ENDPOINT (also its path) and CEKURA_PROTOCOL"), "{line}");
}

#[test]
fn who_is_not_there_is_named() {
    each(PROTOCOLS, |protocol| {
        let nobody = deserted();
        let start =
            "start the server that should listen there, or check host and port in CEKURA_OTEL_ENDPOINT";
        let cause = format!("no connection to {nobody} (Connection refused (os error 111)): {start}");
        lost(protocol, &format!("http://{nobody}"), &[], &cause);
        let insecure = [("CEKURA_ALLOW_INSECURE", "true")];
        for url in ["http://nowhere..invalid:4317", "http://nowhere.invalid:4317"] {
            let line = last_line(protocol, url, &insecure);
            assert!(line.contains("cannot be resolved"), "{line}");
            assert!(
                line.contains("check this machine's network and DNS, and the host in CEKURA_OTEL_ENDPOINT"),
                "{line}"
            );
        }
    });
}

#[test]
fn silence_is_named() {
    each(PROTOCOLS, |protocol| {
        let silent = server(|stream| {
            let holds = move || (&stream).read(&mut [0; 9]).map(|_| thread::park());
            drop(thread::spawn(holds));
        });
        let check = "check the port in CEKURA_OTEL_ENDPOINT, and CEKURA_PROTOCOL, or give shutdown(…) a longer deadline";
        let cause = format!("{silent} does not answer (no answer in time): {check}");
        lost(protocol, &format!("http://{silent}"), &[], &cause);
        let closing = server(|mut stream| drop(stream.read(&mut [0; 1024])));
        let line = last_line(protocol, &format!("http://{closing}"), &[]);
        assert!(line.contains(&format!("{closing} closes the connection")), "{line}");
    });
}

#[test]
fn what_is_wrong_with_tls_is_named() {
    let authority = Authority::default();
    let root = file("tls.pem", &authority.pem());
    let root = [("ROOT", root.to_str().unwrap())];
    each(PROTOCOLS, |protocol| {
        let of = |config| Backend::encrypted(config);
        let known = of(authority.server("127.0.0.1"));
        let url = known.url();
        let it = address(&url);
        lost(protocol, &url, &[], &format!("the certificate of {it} is not signed by a trusted authority"));
        lost(protocol, &url.replace("https", "http"), &[], &format!("{it} speaks TLS only"));
        let expired = of(authority.expired_server("127.0.0.1"));
        let line = last_line(protocol, &expired.url(), &root);
        assert!(
            line.contains("is not valid today") && line.contains("renew it, or set this machine's clock"),
            "{line}"
        );
        let other = of(authority.server("example.com"));
        let line = last_line(protocol, &other.url(), &root);
        assert!(line.contains("is for another host"), "{line}");
        let plain = Backend::new();
        let line = last_line(protocol, &plain.url().replace("http", "https"), &root);
        assert!(line.contains(&format!("{} does not speak TLS", address(&plain.url()))), "{line}");
    });
}

#[test]
fn what_the_server_refuses_is_named() {
    let api = Api::new();
    let url = api.url();
    // A key from the environment is not sent to a collector that the environment names.
    let account =
        [("CEKURA_API_KEY", KEY), ("CEKURA_AGENT_ID", "5"), ("CEKURA_API_URL", &url), ("IN_CODE", "1")];
    each(PROTOCOLS, |protocol| {
        for (status, code, words) in [
            (401, 16, "refuses spans"),
            (403, 7, "refuses spans"),
            (503, 14, "accepts no spans at the moment"),
            (500, 13, "accepts no spans at the moment"),
            (400, 3, "rejects spans"),
        ] {
            let backend = Backend::scripted(move |_, _| Reply::Fail {
                status,
                code,
                wait: None,
                message: if protocol == "grpc" {
                    format!("no%1B[31m, {KEY}%0D%0Anever")
                } else {
                    format!("no\u{1b}[31m, {KEY}\r\nnever")
                },
            });
            let line = last_line(protocol, &backend.url(), &account);
            let url = backend.url();
            assert!(line.contains(&format!("; {} {words} (", address(&url))), "{status} {line}");
        }
        let nowhere = Backend::scripted(|_, _| Reply::fail(404, 12));
        let line = last_line(protocol, &nowhere.url(), &account);
        assert!(line.contains("does not accept spans"), "{line}");
        assert!(line.ends_with("check CEKURA_OTEL_ENDPOINT (also its path) and CEKURA_PROTOCOL"), "{line}");
    });
}

#[test]
fn what_the_proxy_does_is_named() {
    each(PROTOCOLS, |protocol| {
        let insecure = ("CEKURA_ALLOW_INSECURE", "true");
        for (manner, words) in [
            (Manner::Password("Basic never"), "asks for a user and password"),
            (Manner::Status(403), "the proxy of HTTPS_PROXY refuses the connection (status 403)"),
        ] {
            let proxy = HttpProxy::new(&[], manner);
            let url = proxy.url("agent:canary@");
            let line = last_line(protocol, "https://collector.test:4317", &[("HTTPS_PROXY", &url), insecure]);
            assert!(line.contains(words) && line.contains("HTTPS_PROXY"), "{line}");
        }
        let gone = format!("http://agent:canary@{}", deserted());
        let line = last_line(protocol, "https://collector.test:4317", &[("HTTPS_PROXY", &gone)]);
        assert!(line.contains("no connection to the proxy of HTTPS_PROXY"), "{line}");
        assert!(line.contains("name collector.test in NO_PROXY"), "{line}");
    });
}

/// What is said of the call logs, where all spans arrive.
fn call_logs(api_url: &str) -> String {
    let spans = Backend::new();
    let account = [("CEKURA_API_KEY", KEY), ("CEKURA_AGENT_ID", "5"), ("CEKURA_API_URL", api_url)];
    let line = last_line("grpc", &spans.url(), &account);
    assert_eq!(spans.spans().len(), 2);
    line
}

#[test]
fn call_logs_that_are_not_posted_have_their_cause() {
    for (status, cause) in [
        (
            401,
            "{} rejects the API key (status 401: detail: no, [REDACTED]): copy it again from Cekura's dashboard into CEKURA_API_KEY",
        ),
        (
            403,
            "the API key is not valid for agent 5 (status 403: detail: no, [REDACTED]): check CEKURA_AGENT_ID, and that CEKURA_API_KEY belongs to the same account",
        ),
        (
            402,
            "the Cekura account is out of credits (status 402: detail: no, [REDACTED]): add credits on Cekura's dashboard",
        ),
        (
            404,
            "{} is not Cekura's API (status 404: detail: no, [REDACTED]): unset CEKURA_API_URL, or check it if you were given one",
        ),
        (503, "{} answers with status 503 (detail: no, [REDACTED]): try again later"),
    ] {
        let body = serde_json::json!({ "detail": format!("no, {KEY}") });
        let api = Api::scripted(move |_, _| ApiReply::json(status, &body));
        let url = api.url();
        let cause = cause.replace("{}", address(&url));
        assert_eq!(call_logs(&url), format!("cekura: call logs were not posted: 1; {cause}"));
    }
    let nobody = deserted();
    let line = call_logs(&format!("http://{nobody}"));
    assert!(
        line.starts_with(&format!("cekura: call logs were not posted: 1; no connection to {nobody}")),
        "{line}"
    );
    let grpc = saying(HTTP_2);
    let line = call_logs(&format!("http://{grpc}"));
    assert!(line.contains(&format!("{grpc} is not Cekura's API")), "{line}");
}

#[test]
fn call_logs_of_nobody_have_their_cause() {
    let spans = Backend::new();
    let line = last_line("grpc", &spans.url(), &[]);
    assert_eq!(
        line,
        "cekura: call logs were not posted: 1; CEKURA_API_KEY is not set; a call log needs it, and CEKURA_AGENT_ID"
    );
}

#[test]
fn what_is_over_is_no_cause() {
    let backend =
        Backend::scripted(|_, before| if before == 0 { Reply::fail(503, 14) } else { Reply::Accept });
    let api = Api::scripted(|_, before| match before {
        0 => ApiReply::json(503, &serde_json::Value::Null),
        _ => ApiReply::stored(1),
    });
    let (url, api) = (backend.url(), api.url());
    let account = [("CEKURA_API_KEY", KEY), ("CEKURA_AGENT_ID", "5"), ("CEKURA_API_URL", &api)];
    let output = ended(agent(&account).env("CEKURA_OTEL_ENDPOINT", &url));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2 accepted, 2 delivered\n");
}
