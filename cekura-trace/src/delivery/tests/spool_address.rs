//! Who gets what another process has left.

use super::Address;
use crate::delivery::config::{Builder, Protocol, resolve};

fn spans(url: &str, with: impl FnOnce(Builder) -> Builder) -> Address {
    let builder = Builder::default().environment(|_| None).otel_endpoint(url).protocol(Protocol::Http);
    Address::of_spans(&resolve(with(builder)).unwrap().unwrap())
}

fn agent(id: u64) -> impl FnOnce(Builder) -> Builder {
    move |builder| builder.api_key("key").agent(id)
}

fn nobody(builder: Builder) -> Builder {
    builder
}

#[test]
fn an_endpoint_that_is_set_right_gets_what_waited_for_its_account() {
    let wrong = spans("https://otel.example.test/wrong?x=1", agent(5));
    for right in [
        spans("https://collector.example.test", agent(5)),
        spans("https://otel.example.test:4317", |builder| agent(5)(builder).protocol(Protocol::Grpc)),
        spans("https://otel.example.test", |builder| builder.api_key("another").agent(5)),
    ] {
        assert!(right.takes(&wrong) && wrong.takes(&right), "{right:?}");
    }
}

#[test]
fn another_account_gets_nothing() {
    let url = "https://otel.example.test";
    let waiting = spans(url, agent(5));
    for other in [
        spans(url, agent(6)),
        spans(url, |builder| builder.api_key("key").project(5)),
        spans(url, nobody),
        spans(url, |builder| agent(5)(builder).header("x-tenant", "b")),
    ] {
        assert!(!other.takes(&waiting) && !waiting.takes(&other), "{other:?}");
    }
    let call_logs = Builder::default().environment(|_| None).api_key("key").agent(5);
    let call_logs = Address::of_call_logs(&resolve(call_logs).unwrap().unwrap());
    assert!(!call_logs.takes(&waiting), "a request is no call log");
}

#[test]
fn without_an_account_everything_must_be_as_it_was() {
    let url = "https://otel.example.test/v1/traces?tenant=a";
    let tenant = |value: &'static str| move |builder: Builder| builder.header("x-tenant", value);
    let waiting = spans(url, tenant("a"));
    assert!(waiting.takes(&spans(url, tenant("a"))));
    for other in [
        spans(url, tenant("b")),
        spans(url, nobody),
        spans("https://otel.example.test/v1/traces?tenant=b", tenant("a")),
        spans("https://otel.example.test/v2/traces?tenant=a", tenant("a")),
        spans("https://other.example.test/v1/traces?tenant=a", tenant("a")),
        spans(url, |builder| builder.header("x-tenan", "ta")),
    ] {
        assert!(!other.takes(&waiting) && !waiting.takes(&other), "{other:?}");
    }
}
