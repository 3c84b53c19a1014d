//! Every setting, good and bad, from code and from the environment, and that no error says a key.

use cekura::{Builder, CaptureContent, Cekura, Error, Mode, Protocol};
use cekura_trace_tests::backend::{Backend, Reply, text};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, converse, quick};

const CANARY: &str = "canary-key-123";

/// A builder that sees these variables and no others.
fn with(variables: &[(&'static str, &str)]) -> Builder {
    let variables: Vec<(&str, String)> =
        variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let lookup =
        move |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    Cekura::builder().variables(lookup).timings(quick())
}

const KEY: (&str, &str) = ("CEKURA_API_KEY", CANARY);
const AGENT: (&str, &str) = ("CEKURA_AGENT_ID", "1");

fn good(variables: &[(&'static str, &str)]) {
    if let Err(error) = with(variables).build() {
        panic!("{variables:?}: {error}");
    }
}

/// What `Debug` says is what a `main` that returns the error prints, so it reads the same. A diagnosis says it too.
fn error(builder: impl Fn() -> Builder) -> Error {
    assert!(!format!("{:?}", builder()).contains("canary"));
    let error = builder().build().unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    assert!(!error.to_string().contains("canary"), "{error}");
    let problems = builder().doctor().problems().collect::<Vec<_>>();
    let sentences =
        problems.iter().filter_map(|problem| problem.split_once(": ")).map(|(_, sentence)| sentence);
    let told = sentences.collect::<Vec<_>>().join("; ");
    assert!(told.contains(&error.to_string()), "{error}: {problems:?}");
    error
}

/// The start fails, and what it says names the setting and what it may be.
fn bad(variables: &[(&'static str, &str)], expected: &str) {
    assert_eq!(error(|| with(variables)).to_string(), expected, "{variables:?}");
}

const NO_KEY: &str = "CEKURA_API_KEY is not set; Cekura's own endpoints need it (CEKURA_MODE=local does not)";
const NO_AGENT: &str = "CEKURA_AGENT_ID or CEKURA_PROJECT_ID must be set with an API key";

#[test]
fn cekura_needs_a_key_and_an_agent_or_a_project() {
    good(&[KEY, AGENT]);
    good(&[KEY, ("CEKURA_PROJECT_ID", "42")]);
    good(&[KEY, AGENT, ("CEKURA_PROJECT_ID", "42")]);
    bad(&[], &format!("{NO_KEY}; {NO_AGENT}"));
    bad(&[AGENT], NO_KEY);
    bad(&[("CEKURA_API_KEY", ""), AGENT], NO_KEY);
    bad(&[KEY], NO_AGENT);
    bad(&[KEY, ("CEKURA_OTEL_ENDPOINT", "collector:4317")], NO_AGENT);
    bad(&[("CEKURA_OTEL_ENDPOINT", "otel.cekura.ai"), AGENT], NO_KEY);
    good(&[("CEKURA_OTEL_ENDPOINT", "collector:4317")]);
    good(&[("CEKURA_TRACER_ENABLED", "false")]);
}

#[test]
fn code_wins_over_the_environment() {
    let code = || with(&[("CEKURA_PROTOCOL", "telegraph"), ("CEKURA_AGENT_ID", "x"), KEY]);
    assert!(with(&[KEY, AGENT, ("CEKURA_CALLS", "canary")]).calls(cekura::Calls::Observe).build().is_ok());
    assert!(code().protocol(Protocol::Http).agent(1).build().is_ok());
    assert!(code().protocol(Protocol::Http).project(1).build().is_ok());
    assert!(code().agent(1).build().is_err());
    let both = error(|| with(&[KEY]).agent(1).project(2));
    assert_eq!(both.to_string(), ".agent(…) and .project(…) are both set: set only one of them");
}

#[test]
fn a_key_is_visible_ascii() {
    for key in ["canary ", " canary", "can ary", "canary\n", "canary\r\n", "canary\t", "canaryé", "canary\0"]
    {
        let rule = "must be visible ASCII without spaces or line breaks";
        bad(&[("CEKURA_API_KEY", key), AGENT], &format!("CEKURA_API_KEY {rule}"));
        let in_code = error(|| with(&[AGENT]).api_key(key));
        assert_eq!(in_code.to_string(), format!(".api_key(…) {rule}"));
    }
    assert!(error(|| with(&[AGENT]).api_key("")).is_configuration());
}

#[test]
fn ids_are_whole_numbers() {
    for id in ["canary", "1.5", "-1", "1 ", "0x10", "99999999999999999999"] {
        bad(&[KEY, ("CEKURA_AGENT_ID", id)], "CEKURA_AGENT_ID must be a whole number");
        bad(&[KEY, ("CEKURA_PROJECT_ID", id), AGENT], "CEKURA_PROJECT_ID must be a whole number");
    }
}

#[test]
fn there_is_no_agent_0() {
    let rule = "must be at least 1: copy it from Cekura's dashboard";
    for id in ["0", "00"] {
        bad(&[KEY, ("CEKURA_AGENT_ID", id)], &format!("CEKURA_AGENT_ID {rule}"));
        bad(&[KEY, ("CEKURA_PROJECT_ID", id)], &format!("CEKURA_PROJECT_ID {rule}"));
    }
    assert_eq!(error(|| with(&[KEY]).agent(0)).to_string(), format!(".agent(…) {rule}"));
    assert_eq!(error(|| with(&[KEY]).project(0)).to_string(), format!(".project(…) {rule}"));
    good(&[KEY, ("CEKURA_AGENT_ID", "1")]);
}

/// As `docker run --env-file` leaves them.
#[test]
fn quotes_around_a_value_are_named() {
    let collector = ("CEKURA_OTEL_ENDPOINT", "http://127.0.0.1:9");
    for (variable, value) in [
        ("CEKURA_API_KEY", CANARY),
        ("CEKURA_AGENT_ID", "7"),
        ("CEKURA_API_URL", "https://canary"),
        ("CEKURA_OTEL_ENDPOINT", "http://127.0.0.1:9"),
        ("CEKURA_PROTOCOL", "http"),
        ("CEKURA_MODE", "cloud"),
        ("CEKURA_CAPTURE_CONTENT", "false"),
        ("CEKURA_SERVICE_NAME", "canary"),
        ("CEKURA_RELEASE", "canary 1"),
        ("CEKURA_ENVIRONMENT", "canary"),
        ("CEKURA_SPOOL_DIR", "canary"),
        ("CEKURA_METRICS_ENDPOINT", "https://canary"),
    ] {
        for quote in ["\"", "'"] {
            let quoted = format!("{quote}{value}{quote}");
            let mut variables = vec![(variable, quoted.as_str())];
            variables.extend([KEY, AGENT, collector].into_iter().filter(|(name, _)| *name != variable));
            bad(&variables, &format!("{variable} has quotes around its value: remove them"));
        }
    }
    assert_eq!(
        error(|| with(&[AGENT]).api_key(format!("\"{CANARY}\""))).to_string(),
        ".api_key(…) has quotes around its value: remove them"
    );
    good(&[KEY, AGENT, ("CEKURA_SERVICE_NAME", "the \"new\" agent"), ("NO_COLOR", "\"\"")]);
    bad(&[KEY, ("CEKURA_AGENT_ID", "\"\"")], "CEKURA_AGENT_ID has quotes around its value: remove them");
}

#[test]
fn spaces_around_a_url_are_named() {
    let rule = "has spaces or line breaks around it: remove them";
    for url in [" https://collector", "https://collector ", "https://collector:4317\n", "\tcollector:4317"] {
        bad(&[("CEKURA_OTEL_ENDPOINT", url)], &format!("CEKURA_OTEL_ENDPOINT {rule}"));
        bad(&[KEY, AGENT, ("CEKURA_API_URL", url)], &format!("CEKURA_API_URL {rule}"));
        assert_eq!(error(|| with(&[]).otel_endpoint(url)).to_string(), format!(".otel_endpoint(…) {rule}"));
    }
}

#[test]
fn a_host_of_cekuras_is_taken_for_what_it_is() {
    let spans = |url, protocol, rule: &str| {
        let variables = [KEY, AGENT, ("CEKURA_OTEL_ENDPOINT", url), ("CEKURA_PROTOCOL", protocol)];
        bad(&variables, &format!("CEKURA_OTEL_ENDPOINT {rule}"));
    };
    let grpc = "is Cekura's host for gRPC: remove it, or set CEKURA_PROTOCOL=grpc";
    for url in ["https://otel.cekura.ai:443", "OTEL.cekura.ai", "https://otel.cekura.ai/v1/traces"] {
        spans(url, "http", grpc);
    }
    let http = "is Cekura's host for HTTP: remove it, or set CEKURA_PROTOCOL=http";
    for url in
        ["https://otel-http.cekura.ai", "otel-http.cekura.ai:443", "https://otel-http.cekura.ai/v1/traces"]
    {
        spans(url, "grpc", http);
    }
    for protocol in ["grpc", "http"] {
        spans("https://api.cekura.ai", protocol, "is Cekura's API, which takes no spans: remove it");
    }
    let in_code = error(|| with(&[KEY, AGENT]).otel_endpoint("otel.cekura.ai").protocol(Protocol::Http));
    assert_eq!(in_code.to_string(), format!(".otel_endpoint(…) {grpc}"));
    for url in ["https://otel.cekura.ai", "https://otel-http.cekura.ai"] {
        bad(&[KEY, AGENT, ("CEKURA_API_URL", url)], "CEKURA_API_URL is Cekura's host for spans: remove it");
    }
    for url in ["https://api.cekura.ai/observability/v1/observe/", "api.cekura.ai/v1"] {
        let rule = "must not have a path: Cekura's API is `https://api.cekura.ai`";
        bad(&[KEY, AGENT, ("CEKURA_API_URL", url)], &format!("CEKURA_API_URL {rule}"));
    }
    good(&[KEY, AGENT, ("CEKURA_OTEL_ENDPOINT", "https://otel-http.cekura.ai"), ("CEKURA_PROTOCOL", "http")]);
    good(&[KEY, AGENT, ("CEKURA_OTEL_ENDPOINT", "https://otel.cekura.ai")]);
    good(&[KEY, AGENT, ("CEKURA_API_URL", "https://api.cekura.ai/")]);
}

/// What a server says stays readable, and the program learns that its key is none.
#[test]
fn a_key_of_a_few_characters_is_said_and_not_searched_for() {
    listen();
    let backend = Backend::scripted(|_, _| Reply::Fail {
        status: 401,
        code: 16,
        wait: None,
        message: "a bad word about a key".to_owned(),
    });
    for key in ["a", "bad", "key"] {
        let handle = with(&[]).api_key(key).agent(1).otel_endpoint(backend.url()).build().unwrap();
        converse(&handle, 1);
        handle.shutdown_blocking(LONG / 100);
    }
    assert!(heard("[REDACTED]").is_empty(), "{:?}", heard("[REDACTED]"));
    assert!(!heard("a bad word about a key").is_empty());
    assert_eq!(heard(".api_key(…) has only a few characters").len(), 3);
    let diagnosis = with(&[("CEKURA_API_KEY", "abc"), AGENT, ("CEKURA_API_URL", &backend.url())]);
    let diagnosis = diagnosis.otel_endpoint(backend.url()).doctor();
    let said = "configuration: CEKURA_API_KEY has only a few characters, which no key has; copy the whole key from Cekura's dashboard";
    assert!(diagnosis.problems().any(|problem| problem == said), "{diagnosis}");
}

/// The resource's values of these keys.
fn resource(builder: Builder) -> [Option<String>; 3] {
    let backend = Backend::new();
    let handle = builder.otel_endpoint(backend.url()).build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    let seen = &backend.seen()[0];
    ["service.name", "service.version", "deployment.environment.name"]
        .map(|key| text(&seen.resource().attributes, key).map(str::to_owned))
}

#[test]
fn release_and_environment_are_in_the_resource() {
    let set = [("CEKURA_SERVICE_NAME", "agent"), ("CEKURA_RELEASE", "1.4.2"), ("CEKURA_ENVIRONMENT", "prod")];
    let expected = |values: [&str; 3]| values.map(|value| Some(value.to_owned()));
    assert_eq!(resource(with(&set)), expected(["agent", "1.4.2", "prod"]));
    let code = with(&set).service_name("other").release("abc").environment("staging");
    assert_eq!(resource(code), expected(["other", "abc", "staging"]));
    // What code says wins, whichever way it says it.
    let by_key = with(&set).resource("service.version", "2").resource("service.name", "third");
    assert_eq!(resource(by_key), expected(["third", "2", "prod"]));
    assert_eq!(resource(with(&[]).release("1"))[2], None);
    for (variable, method) in [("CEKURA_RELEASE", ".release(…)"), ("CEKURA_ENVIRONMENT", ".environment(…)")]
    {
        bad(&[KEY, AGENT, (variable, " ")], &format!("{variable} must not be blank"));
        let blank = error(|| match method {
            ".release(…)" => with(&[KEY, AGENT]).release(""),
            _ => with(&[KEY, AGENT]).environment("\n"),
        });
        assert_eq!(blank.to_string(), format!("{method} must not be blank"));
    }
}

#[test]
fn choices_are_what_they_may_be() {
    const ON: [&str; 9] = ["true", "1", "yes", "on", "True", "TRUE", "Yes", "ON", " on "];
    const OFF: [&str; 9] = ["false", "0", "no", "off", "False", "FALSE", "No", "OFF", "off "];
    let flags = [ON, OFF].concat();
    let no_flags = ["maybe", "canary", "2", "-1", "y", "enabled", "tru", " "];
    let rule = "must be `true`, `1`, `yes` or `on`, or `false`, `0`, `no` or `off`";
    let table: [(&str, &[&str], &[&str], &str); 10] = [
        ("CEKURA_TRACER_ENABLED", &flags, &no_flags, rule),
        ("CEKURA_CAPTURE_CONTENT", &flags, &no_flags, rule),
        ("CEKURA_AUDIO", &flags, &no_flags, rule),
        ("CEKURA_MESSAGES", &flags, &no_flags, rule),
        ("CEKURA_ALLOW_INSECURE", &flags, &no_flags, rule),
        ("CEKURA_METRICS_PUBLIC", &flags, &no_flags, rule),
        (
            "CEKURA_MODE",
            &["cloud", "local", "", "Cloud", "cloud,local", "LOCAL, cloud"],
            &["canary", "cloud,canary", "cloud,", ",", "cloud local"],
            "must be `cloud`, `local` or `cloud,local`",
        ),
        (
            "CEKURA_CALLS",
            &["observe", "simulate", "", "Observe", "SIMULATE "],
            &["canary", "simulation", "observe,simulate", "true", " "],
            "must be `observe` or `simulate`",
        ),
        (
            "CEKURA_DRAW",
            &["full", "summary", "off", "", "Full", "OFF "],
            &["canary", "none", "false", "full,off", " "],
            "must be `full`, `summary` or `off`",
        ),
        (
            "CEKURA_PROTOCOL",
            &["grpc", "http", "", "GRPC", "Http"],
            &["http/protobuf", "canary"],
            "must be `grpc` or `http`",
        ),
    ];
    for (variable, known, unknown, rule) in table {
        for value in known {
            good(&[KEY, AGENT, (variable, value)]);
        }
        for value in unknown {
            bad(&[KEY, AGENT, (variable, value)], &format!("{variable} {rule}"));
        }
    }
}

#[test]
fn metrics_are_served_at_addresses_and_sent_to_urls() {
    let listen = "CEKURA_METRICS_LISTEN";
    for address in
        ["canary", "9464", ":9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "canary:9464", " "]
    {
        let rule = "must be an IP address and a port, such as `127.0.0.1:9464`";
        bad(&[KEY, AGENT, (listen, address)], &format!("{listen} {rule}"));
    }
    for address in ["0.0.0.0:9464", "[::]:9464", "192.0.2.7:9464"] {
        let rule = "may be another address than one of this machine alone, such as `127.0.0.1:9464`, only with CEKURA_METRICS_PUBLIC=true";
        bad(&[KEY, AGENT, (listen, address), ("CEKURA_METRICS_PUBLIC", "no")], &format!("{listen} {rule}"));
    }
    let endpoint = "CEKURA_METRICS_ENDPOINT";
    for (url, rule) in [
        ("ftp://canary", "must be a URL such as `https://host:port`"),
        ("https://canary:pw@host", "must be a URL such as `https://host:port`"),
        (
            "http://canary:4318",
            "is plain http to another machine: use https, or set CEKURA_ALLOW_INSECURE=true",
        ),
        (
            "otel.cekura.ai:443",
            "must not be Cekura, which takes no metrics: name a collector or a database of yours",
        ),
    ] {
        bad(&[KEY, AGENT, (endpoint, url)], &format!("{endpoint} {rule}"));
    }
    for url in ["http://127.0.0.1:4318", "https://canary/opentelemetry/v1/metrics", "canary:4318", ""] {
        good(&[KEY, AGENT, (endpoint, url)]);
    }
    good(&[KEY, AGENT, (endpoint, "http://canary:4318"), ("CEKURA_ALLOW_INSECURE", "true")]);
}

#[test]
fn a_label_has_a_key_of_its_own_and_a_closed_list_of_values() {
    let keyed = || with(&[KEY, AGENT]);
    let said =
        |key: &str, values: &[&str]| error(|| keyed().metric_label(key, values.iter().copied())).to_string();
    for key in ["", "a b", "1st", "canary-id", "größe", "a\nb"] {
        let rule = "must have a key of letters, digits, `_` and `.` that begins with a letter";
        assert_eq!(said(key, &["a"]), format!(".metric_label(…) {rule}"), "{key:?}");
    }
    for key in [
        "call_id",
        "conversation.id",
        "trace_id",
        "outcome",
        "stage",
        "le",
        "gen_ai.request.model",
        "gen_ai_request_model",
    ] {
        let rule = "must not have the key of a label that is there, or of an id of one call";
        assert_eq!(said(key, &["a"]), format!(".metric_label(…) {rule}"), "{key:?}");
    }
    let long = "canary".repeat(11);
    let many: Vec<_> = (0..101).map(|number| number.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    for values in [&[][..], &["a", ""], &[&long], &many] {
        let rule = "must have 1 to 100 values of 1 to 64 bytes: every other one is `other`";
        assert_eq!(said("tenant", values), format!(".metric_label(…) {rule}"), "{values:?}");
    }
    let twice = error(|| keyed().metric_label("app.tier", ["a"]).metric_label("app_tier", ["b"])).to_string();
    assert_eq!(twice, ".metric_label(…) must not have the same key twice");
    let nine =
        || (0..9).fold(keyed(), |builder, number| builder.metric_label(format!("label_{number}"), ["a"]));
    assert_eq!(error(nine).to_string(), ".metric_label(…) may be given at most 8 times");
    drop(keyed().metric_label("tenant", ["a"; 100]).metric_label("_x.y", ["x".repeat(64)]).build().unwrap());
}

#[test]
fn endpoints_are_urls() {
    for endpoint in
        ["https://collector", "collector:4317", "http://127.0.0.1:4317", "http://localhost", "[::1]:1"]
    {
        good(&[("CEKURA_OTEL_ENDPOINT", endpoint)]);
        good(&[("CEKURA_OTEL_ENDPOINT", endpoint), ("CEKURA_PROTOCOL", "http")]);
        good(&[KEY, AGENT, ("CEKURA_API_URL", endpoint)]);
    }
    good(&[("CEKURA_OTEL_ENDPOINT", "https://collector/a/b?c=d"), ("CEKURA_PROTOCOL", "http")]);
    let url = "must be a URL such as `https://host:port`";
    for endpoint in
        ["ftp://canary", "canary canary", "https://", "https://canary:pw@host", "host:", "host:99999"]
    {
        bad(&[("CEKURA_OTEL_ENDPOINT", endpoint)], &format!("CEKURA_OTEL_ENDPOINT {url}"));
        bad(&[KEY, AGENT, ("CEKURA_API_URL", endpoint)], &format!("CEKURA_API_URL {url}"));
        assert_eq!(
            error(|| with(&[]).otel_endpoint(endpoint)).to_string(),
            format!(".otel_endpoint(…) {url}")
        );
    }
    bad(
        &[("CEKURA_OTEL_ENDPOINT", "http://127.0.0.1:4318/v1/traces")],
        "CEKURA_OTEL_ENDPOINT has a path, which only the protocol `http` uses: remove the path",
    );
}

#[test]
fn the_api_may_have_a_path_but_no_query() {
    good(&[KEY, AGENT, ("CEKURA_API_URL", "https://gateway/cekura/")]);
    for url in ["https://gateway/?tenant=1", "https://gateway/cekura?"] {
        bad(&[KEY, AGENT, ("CEKURA_API_URL", url)], "CEKURA_API_URL must not have a query");
    }
}

#[test]
fn plain_http_stays_on_this_machine_unless_allowed() {
    let far = ("CEKURA_OTEL_ENDPOINT", "http://collector:4317");
    let rule = "is plain http to another machine: use https, or set CEKURA_ALLOW_INSECURE=true";
    bad(&[far], &format!("CEKURA_OTEL_ENDPOINT {rule}"));
    let (insecure, api) = (("CEKURA_ALLOW_INSECURE", "true"), ("CEKURA_API_URL", "http://api"));
    bad(&[KEY, AGENT, api], "CEKURA_API_URL must begin with https://: the API key is sent there");
    bad(&[KEY, AGENT, api, insecure], "CEKURA_API_URL must begin with https://: the API key is sent there");
    good(&[far, ("CEKURA_ALLOW_INSECURE", "true")]);
    assert!(with(&[far]).allow_insecure(true).build().is_ok());
    assert!(with(&[far, ("CEKURA_ALLOW_INSECURE", "true")]).allow_insecure(false).build().is_err());
    bad(
        &[KEY, AGENT, ("CEKURA_ALLOW_INSECURE", "true"), ("CEKURA_OTEL_ENDPOINT", "http://otel.cekura.ai")],
        "CEKURA_OTEL_ENDPOINT must begin with https://: Cekura accepts nothing else",
    );
}

#[test]
fn headers_are_headers_of_the_users_own() {
    let builder = || with(&[KEY, AGENT]);
    assert!(builder().header("X-Team", "voice").header("authorization", "Bearer canary").build().is_ok());
    for (name, value) in [("x team", "canary"), ("", "canary"), ("x-team", "canary\n")] {
        let error = error(|| builder().header(name, value));
        assert_eq!(error.to_string(), ".header(…) must be a name and a value that HTTP allows");
    }
    for name in ["Content-Type", "host", "te", "grpc-timeout", "x-cekura-api-key", "X-Cekura-Agent-Id"] {
        let error = error(|| builder().header(name, "canary"));
        assert_eq!(
            error.to_string(),
            ".header(…) names a header that the library sets itself, or a header twice"
        );
    }
}

#[test]
fn limits_names_and_the_spool() {
    let builder = || with(&[KEY, AGENT]);
    assert_eq!(error(|| builder().memory_limit(0)).to_string(), ".memory_limit(…) must be at least 1 byte");
    assert_eq!(error(|| builder().content_limit(0)).to_string(), ".content_limit(…) must be at least 1 byte");
    assert_eq!(error(|| builder().service_name(" ")).to_string(), ".service_name(…) must not be blank");
    assert_eq!(
        error(|| builder().resource("", "x")).to_string(),
        ".resource(…) must have a key that is not empty"
    );
    let unusable = "must be a directory that only this user can write to";
    let (spans, api) =
        (("CEKURA_OTEL_ENDPOINT", "http://127.0.0.1:9"), ("CEKURA_API_URL", "http://127.0.0.1:9"));
    let here = || with(&[KEY, AGENT, spans, api]);
    assert_eq!(error(|| here().spool("/dev/null")).to_string(), format!(".spool(…) {unusable}"));
    bad(
        &[KEY, AGENT, spans, api, ("CEKURA_SPOOL_DIR", "/dev/null")],
        &format!("CEKURA_SPOOL_DIR {unusable}"),
    );
}

#[test]
fn every_mistake_is_told_at_once() {
    let error = error(|| {
        with(&[
            ("CEKURA_API_KEY", "canary "),
            ("CEKURA_AGENT_ID", "canary"),
            ("CEKURA_PROTOCOL", "canary"),
            ("CEKURA_OTEL_ENDPOINT", "canary canary"),
            ("CEKURA_MODE", "canary"),
        ])
    });
    let message = error.to_string();
    for variable in
        ["CEKURA_API_KEY", "CEKURA_AGENT_ID", "CEKURA_PROTOCOL", "CEKURA_OTEL_ENDPOINT", "CEKURA_MODE"]
    {
        assert_eq!(message.matches(variable).count(), 1, "{message}");
    }
    assert!(error.is_configuration() && !error.is_already_installed());
}

#[test]
fn the_switch_works_whatever_else_is_wrong() {
    for off in ["false", "0", "no", "off", "False", "OFF", "No"] {
        let variables =
            [("CEKURA_TRACER_ENABLED", off), ("CEKURA_PROTOCOL", "canary"), ("CEKURA_API_KEY", " ")];
        let handle = with(&variables).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG), cekura::FlushReport::default());
        assert_eq!(handle.shutdown_blocking(LONG), handle.ledger());
        assert!(!format!("{handle:?}").contains("canary"));
    }
}

#[test]
fn foreign_variables_change_nothing() {
    let backend = Backend::new();
    let builder = with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-other=secret"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_SERVICE_NAME", "other"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b"),
        ("CEKURA_SERVICE_NAME", "agent"),
    ]);
    let handle = builder.otel_endpoint(backend.url()).build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    let seen = &backend.seen()[0];
    assert_eq!(seen.header("x-other"), None);
    let keys: Vec<_> = seen.resource().attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(
        keys,
        ["service.name", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version"]
    );
}

#[test]
fn an_http_endpoint_gets_its_path() {
    for (given, path) in
        [("", "/v1/traces"), ("/", "/v1/traces"), ("/a/b", "/a/b"), ("/v1/traces/", "/v1/traces/")]
    {
        let backend = Backend::new();
        let url = format!("{}{given}", backend.url());
        let handle = with(&[("CEKURA_PROTOCOL", "http"), ("CEKURA_OTEL_ENDPOINT", &url)]).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(LONG).delivered, 2);
        assert_eq!(backend.seen()[0].path, path);
    }
}

#[test]
fn the_content_policy_is_the_handles() {
    let policies = [
        (None, "true", true),
        (None, "false", false),
        (None, "Off", false),
        (None, "1", true),
        (Some(CaptureContent::Full), "false", true),
    ];
    for (in_code, variable, expected) in policies {
        let backend = Backend::new();
        let mut builder = with(&[("CEKURA_CAPTURE_CONTENT", variable)]).otel_endpoint(backend.url());
        if let Some(capture) = in_code {
            builder = builder.capture(capture);
        }
        let handle = builder.build().unwrap();
        say(&handle, "hello");
        assert_eq!(handle.flush_blocking(LONG).delivered, 1);
        let spans = backend.spans();
        let is_there = spans[0].attributes.iter().any(|attribute| attribute.key == "input.words");
        assert_eq!(is_there, expected, "{in_code:?} {variable}");
    }
}

#[cekura::conversation(client = handle, skip(handle))]
fn say(handle: &Cekura, words: &str) {
    std::hint::black_box(words);
}

#[test]
fn the_second_default_is_an_error() {
    let backend = Backend::new();
    let install = || with(&[]).otel_endpoint(backend.url()).install();
    let first = install().unwrap();
    let error = install().unwrap_err();
    assert!(error.is_already_installed() && !error.is_configuration());
    assert!(with(&[]).otel_endpoint(backend.url()).build().is_ok());
    // A conversation of a handle that is switched off does not go to the process's default, nor what is in it.
    let off = with(&[("CEKURA_TRACER_ENABLED", "false")]).build().unwrap();
    converse(&off, 2);
    assert_eq!(first.shutdown_blocking(LONG).accepted, 0);
    let next = install().unwrap();
    drop(next);
    assert!(install().is_ok());
}

#[test]
fn local_mode_needs_nothing() {
    good(&[("CEKURA_MODE", "local")]);
    good(&[("CEKURA_MODE", "local"), KEY]);
    bad(&[("CEKURA_MODE", "cloud,local"), KEY], NO_AGENT);
    assert!(with(&[]).mode(Mode::Local).build().is_ok());
    assert!(with(&[]).local_without_key().build().is_ok());
    // An endpoint says where to send, so it is sent there.
    let backend = Backend::new();
    let url = backend.url();
    let handle = with(&[("CEKURA_OTEL_ENDPOINT", &url)]).local_without_key().build().unwrap();
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    assert_eq!(backend.spans().len(), 2);
    assert_eq!(
        error(|| with(&[("CEKURA_MODE", "cloud")]).local_without_key()).to_string().split(';').next(),
        NO_KEY.split(';').next()
    );
    assert_eq!(error(|| with(&[KEY]).local_without_key()).to_string(), NO_AGENT);
}
