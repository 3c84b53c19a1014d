//! Who gets what another process has left.

use super::Address;
use crate::delivery::config::{Builder, Protocol, resolve};

fn spans(url: &str, with: impl FnOnce(Builder) -> Builder) -> Address {
    let builder = Builder::default().variables(|_| None).otel_endpoint(url).protocol(Protocol::Http);
    Address::of_spans(&resolve(with(builder)).unwrap().unwrap())
}

fn agent(id: u64) -> impl FnOnce(Builder) -> Builder {
    move |builder| builder.api_key("key").agent(id)
}

fn nobody(builder: Builder) -> Builder {
    builder
}

const URL: &str = "https://otel.example.test/v1/traces?tenant=a";

/// None of these is for the receiver of another.
fn are_different(addresses: &[Address]) {
    for (first, one) in addresses.iter().enumerate() {
        for (second, other) in addresses.iter().enumerate().skip(first + 1) {
            let both = format!("settings {first} and {second} of this test have one receiver: {}", one.whom);
            assert_ne!(one.receiver, other.receiver, "{both}");
        }
    }
}

#[test]
fn an_endpoint_that_is_set_right_gets_what_waited_for_its_account() {
    let wrong = spans("https://otel.example.test/wrong?x=1", agent(5));
    for right in [
        spans("https://collector.example.test", agent(5)),
        spans("https://otel.example.test:4317", |builder| agent(5)(builder).protocol(Protocol::Grpc)),
        // The key itself goes only there.
        spans("https://otel-http.cekura.ai", agent(5)),
    ] {
        assert_eq!(right.receiver, wrong.receiver, "{right:?}");
    }
    let header = |value: &'static str| move |builder: Builder| agent(5)(builder).header("x-tenant", value);
    assert_eq!(spans(URL, header("a")).receiver, spans("https://other.example.test", header("a")).receiver);
}

#[test]
fn another_account_key_or_header_gets_nothing() {
    let mut all = vec![
        spans(URL, agent(5)),
        spans(URL, agent(6)),
        spans(URL, |builder| builder.api_key("another").agent(5)),
        spans(URL, |builder| builder.api_key("key").project(5)),
        spans(URL, |builder| builder.agent(5)),
        spans(URL, nobody),
    ];
    for (name, value) in [("x-tenant", "a"), ("x-tenant", "b"), ("x-tenan", "ta"), ("x-cekura-tenant", "b")] {
        all.push(spans(URL, |builder| agent(5)(builder).header(name, value)));
    }
    let call_logs = Builder::default().variables(|_| None).api_key("key").agent(5);
    // A request is no call log.
    all.push(Address::of_call_logs(&resolve(call_logs).unwrap().unwrap()));
    are_different(&all);
}

#[test]
fn without_an_account_or_a_key_everything_must_be_as_it_was() {
    for with in [nobody as fn(Builder) -> Builder, |builder| builder.agent(5)] {
        let tenant = |value: &'static str| move |builder: Builder| with(builder).header("x-tenant", value);
        assert_eq!(spans(URL, tenant("a")).receiver, spans(URL, tenant("a")).receiver);
        are_different(&[
            spans(URL, tenant("a")),
            spans(URL, tenant("b")),
            spans(URL, with),
            spans("https://otel.example.test/v1/traces?tenant=b", tenant("a")),
            spans("https://otel.example.test/v2/traces?tenant=a", tenant("a")),
            spans("https://other.example.test/v1/traces?tenant=a", tenant("a")),
            spans("https://otel.example.test/v1/traces?tenan=ta", tenant("a")),
        ]);
    }
}

#[test]
fn no_secret_is_in_it() {
    let with = |builder: Builder| builder.api_key("canary").agent(5).header("authorization", "canary");
    for address in [spans("https://otel.example.test/canary?canary", with), spans(URL, with)] {
        assert!(!format!("{address:?}").contains("canary"), "{address:?}");
        assert!(address.whom.starts_with("agent 5 at https://otel.example.test"), "{address:?}");
    }
}
