//! The exporter for the standard pipeline: it sends what its tracer provider makes, from any runtime, with our headers
//! and no others, to the endpoint and nowhere else.

use cekura::{Cekura, Mode, Protocol, Timings};
use cekura_trace_tests::authority::Authority;
use cekura_trace_tests::backend::{Backend, Reply, deserted, text};
use cekura_trace_tests::handles::{PROTOCOLS, at, quick, to};
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::process::Command;
use std::time::Duration;
use tokio::runtime::Builder;

/// A program's own tracer provider.
fn provider(builder: cekura::Builder) -> SdkTracerProvider {
    let exporter = builder.span_exporter().unwrap();
    let resource = Resource::builder_empty().with_service_name("program").build();
    SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build()
}

fn work(provider: &SdkTracerProvider) -> OTelSdkResult {
    let tracer = provider.tracer("program");
    tracer.in_span("work", |_| tracer.in_span("part", |_| {}));
    provider.force_flush()
}

fn serve() {
    PROTOCOLS.into_iter().for_each(serve_with);
}

fn serve_with(protocol: Protocol) {
    let backend = Backend::new();
    let provider = provider(to(&backend, protocol).api_key("canary").agent(7));
    work(&provider).unwrap();
    work(&provider).unwrap();
    provider.shutdown().unwrap();
    assert_eq!(backend.names(), ["part", "part", "work", "work"]);
    for seen in backend.seen() {
        assert_eq!(seen.header("x-cekura-api-key"), Some("canary"));
        assert_eq!(seen.header("x-cekura-agent-id"), Some("7"));
        assert_eq!(text(&seen.resource().attributes, "service.name"), Some("program"));
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn no_runtime() {
    serve();
}

#[test]
fn the_current_thread() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { serve() });
}

#[test]
fn many_workers_and_one() {
    for workers in [1, 4] {
        let runtime = Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
        let task = runtime.spawn(async { serve() });
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn the_programs_runtime_ends_first() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let provider = runtime.block_on(async { provider(to(&backend, protocol)) });
        drop(runtime);
        work(&provider).unwrap();
        assert_eq!(backend.spans().len(), 2);
    }
}

#[test]
fn one_exporter_serves_a_simple_processor_inside_async_code() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let exporter = to(&backend, protocol).span_exporter().unwrap();
            let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
            work(&provider).unwrap();
        });
        assert_eq!(backend.spans().len(), 2);
    }
}

/// What arrives when the program runs among these variables.
fn among(variables: &[(&str, &str)], protocol: &str) -> Backend {
    let backend = Backend::new();
    let output = Command::new(env!("CARGO_BIN_EXE_foreign_variables"))
        .args(["exporter", protocol, &backend.url()])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    backend
}

#[test]
fn variables_of_the_stock_exporter_change_nothing() {
    let elsewhere = format!("http://{}", deserted());
    for protocol in ["grpc", "http"] {
        let backend = among(
            &[
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-vendor-key=foreign,x-cekura-api-key=foreign"),
                ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-vendor-key=foreign,x-cekura-api-key=foreign"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &elsewhere),
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &elsewhere),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
                ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
                ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
                ("OTEL_EXPORTER_OTLP_INSECURE", "false"),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem"),
                ("HTTP_PROXY", &elsewhere),
                ("ALL_PROXY", &elsewhere),
            ],
            protocol,
        );
        let plain = among(&[], protocol).seen().remove(0);
        let seen = backend.seen().remove(0);
        assert_eq!(backend.names(), ["work"]);
        assert_eq!(seen.header("x-cekura-api-key"), Some("canary"));
        let names = |seen: &cekura_trace_tests::backend::Seen| {
            let mut names: Vec<_> = seen.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&seen), names(&plain));
        assert!(!format!("{:?}", seen.headers).contains("foreign"));
    }
}

#[test]
fn compression_that_a_variable_asks_for_is_said_in_the_request() {
    for protocol in ["grpc", "http"] {
        let backend = among(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")], protocol);
        assert_eq!(backend.names(), ["work"]);
        let seen = backend.seen().remove(0);
        assert!(seen.header("content-encoding").or(seen.header("grpc-encoding")) == Some("gzip"));
    }
}

#[test]
fn certificates_are_checked_against_given_roots() {
    for protocol in PROTOCOLS {
        let authority = Authority::default();
        let backend = Backend::encrypted(authority.server("127.0.0.1"));
        let trusting = provider(to(&backend, protocol).root_certificate(authority.pem()));
        work(&trusting).unwrap();
        assert_eq!(backend.spans().len(), 2);
        let short = Timings { attempt: Duration::from_millis(500), ..quick() };
        let stranger = provider(to(&backend, protocol).timings(short));
        work(&stranger).unwrap_err();
        assert_eq!(backend.spans().len(), 2);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    for protocol in PROTOCOLS {
        let other = Backend::new();
        let url = format!("{}/v1/traces", other.url());
        let backend = Backend::scripted(move |_, _| Reply::Redirect(url.clone()));
        let provider = provider(to(&backend, protocol).api_key("canary").agent(7));
        work(&provider).unwrap_err();
        assert_eq!((backend.seen().len(), other.connections()), (1, 0));
    }
}

#[test]
fn a_backend_that_is_busy_for_a_moment_gets_the_spans_again() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|_, before| match before {
            0 => Reply::fail(503, 14),
            _ => Reply::Accept,
        });
        work(&provider(to(&backend, protocol))).unwrap();
        assert_eq!((backend.seen().len(), backend.spans().len()), (2, 2));
    }
}

#[test]
fn a_refusal_is_an_error_of_the_flush() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|_, _| Reply::fail(401, 16));
        let provider = provider(to(&backend, protocol).api_key("canary").agent(7));
        let error = work(&provider).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert_eq!(backend.seen().len(), 1);
    }
}

#[test]
fn an_endpoint_that_never_answers_is_given_up() {
    for protocol in PROTOCOLS {
        let backend = Backend::scripted(|_, _| Reply::Silence);
        let short = Timings { attempt: Duration::from_millis(300), ..quick() };
        work(&provider(to(&backend, protocol).timings(short))).unwrap_err();
        assert_eq!(backend.seen().len(), 1);
    }
}

#[test]
fn the_key_is_not_shown() {
    for protocol in PROTOCOLS {
        let builder = at("https://collector.example.com", protocol);
        let exporter =
            builder.api_key("canary").agent(7).header("x-gateway", "canary").span_exporter().unwrap();
        let shown = format!("{exporter:?}");
        assert!(shown.contains("collector.example.com") && !shown.contains("canary"), "{shown}");
    }
}

#[test]
fn local_mode_has_no_exporter_and_says_so() {
    let builder = Cekura::builder().variables(|_| None).mode(Mode::Local);
    let error = builder.span_exporter().unwrap_err();
    assert!(error.is_configuration());
    assert!(error.to_string().contains("CEKURA_MODE") && error.to_string().contains("endpoint"), "{error}");
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let error = Cekura::builder().variables(|_| None).span_exporter().unwrap_err();
    assert!(error.to_string().contains("CEKURA_API_KEY"), "{error}");
}

#[test]
fn switched_off_it_takes_everything_and_sends_nothing() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "false".to_owned());
        let provider = provider(to(&backend, protocol).variables(off));
        work(&provider).unwrap();
        provider.shutdown().unwrap();
        assert_eq!(backend.connections(), 0);
    }
}
