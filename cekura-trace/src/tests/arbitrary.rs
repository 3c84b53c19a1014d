//! Arbitrary bytes and texts for everything that reads what others wrote: records, headers, settings.
//! Invariant: nothing panics. `PROPTEST_CASES=1000000 cargo test -p cekura-trace --lib any_` searches longer.

use crate::Cekura;
use crate::delivery::config::resolve;
use crate::finished::{Head, Marks, Status, draft, last_of_each, records, remove_content, write};
use crate::recording::w3c::LinkHeaders;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, TraceId};
use opentelemetry::{KeyValue, Value};
use proptest::collection::{hash_map, vec};
use proptest::prelude::{BoxedStrategy, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// As many cases as it is told to look at, but no fewer than finds what is easily found.
pub(crate) fn config() -> ProptestConfig {
    let given = ProptestConfig::default();
    let seed = match given.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().build_hasher().finish(),
    };
    println!("the same again: PROPTEST_RNG_SEED={seed}");
    let (cases, rng_seed) = (given.cases.max(500), RngSeed::Fixed(seed));
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..given }
}

/// JSON of an API's words, JSON of anything, and what is none.
pub(crate) fn json() -> BoxedStrategy<String> {
    let word = select(
        &["\"id\"", "\"results\"", "\"call_id\"", "\"call-1\"", "\"\"", "7", "1e999", "null", "true"][..],
    );
    let odd =
        select(&["{", "[", "\"", "canary", "c\\u0061nary", "\\", "<html>", "\u{7}\n", ",", "é\u{202e}"][..]);
    let leaf = prop_oneof![6 => word, 1 => odd].prop_map(str::to_owned);
    let tree = leaf.prop_recursive(5, 48, 6, |inner| {
        let list = vec(inner.clone(), 0..6).prop_map(|all| format!("[{}]", all.join(",")));
        let pair = (select(&["id", "results", "call_id", "detail"][..]), inner.clone());
        let pair = pair.prop_map(|(key, value)| format!("\"{key}\":{value}"));
        let map = vec(pair, 0..5).prop_map(|all| format!("{{{}}}", all.join(",")));
        prop_oneof![list, map, vec(inner, 0..3).prop_map(|all| all.concat())]
    });
    prop_oneof![4 => tree, 1 => any::<String>()].boxed()
}

/// Whole records, of which some bytes were changed afterwards.
pub(crate) fn buffer() -> impl Strategy<Value = Vec<u8>> {
    let text = || prop_oneof![9 => any::<String>(), 1 => ("é{0,3}[a-z]", 0..20_000_usize).prop_map(|(word, times)| word.repeat(times))];
    let entry = (0..11_u8, text(), text(), any::<i64>(), any::<bool>()).prop_map(
        |(kind, key, text, number, found)| {
            let mut out = Vec::new();
            match kind {
                0 => write::text(&mut out, &key, &text),
                1 => write::integer(&mut out, &key, number),
                2 => write::texts(&mut out, &key, &[&text, &key]),
                3 => write::event(&mut out, &text, number.unsigned_abs(), &[KeyValue::new(key, number)]),
                4 => write::name(&mut out, &text),
                5 => write::flag(&mut out, &key, found),
                6 => write::float(&mut out, &key, f64::from_bits(number.cast_unsigned())),
                7 => write::link(&mut out, &SpanContext::NONE, &[KeyValue::new(key, text)]),
                8 => write::api(&mut out, &KeyValue::new(key, Value::Array(vec![number, 0].into()))),
                9 => write::text(&mut out, "key", &text),
                _ => write::scope(&mut out, &key, &text),
            }
            if kind < 3 {
                let marks = if number % 2 == 0 { Marks::CONTENT } else { Marks::FOUND_CONTENT };
                write::mark(&mut out, 0, if found { Marks::FOUND } else { marks });
            }
            out
        },
    );
    let record = (any::<u128>(), any::<u64>(), vec(entry, 0..24)).prop_map(|(trace, span, entries)| {
        let (trace_id, span_id, parent_id) =
            (TraceId::from(trace), SpanId::from(span), SpanId::from(span % 3));
        let kind = [SpanKind::Client, SpanKind::Internal, SpanKind::Server][(span % 3) as usize].clone();
        let status = [Status::Error, Status::Ok, Status::Unset][(trace % 3) as usize];
        let head = Head { trace_id, span_id, parent_id, kind, start: span, end: span, status };
        head.record("llm", "failed", &entries.concat())
    });
    let changes = vec((any::<Index>(), any::<u8>()), 0..4);
    let whole = (vec(record, 0..4), changes).prop_map(|(records, changes)| {
        let mut bytes = records.concat();
        if !bytes.is_empty() {
            for (at, byte) in changes {
                *at.get_mut(&mut bytes) = byte;
            }
        }
        bytes
    });
    prop_oneof![5 => whole, 1 => vec(any::<u8>(), 0..200)]
}

/// Headers as they should be, nearly so, and not at all.
fn headers() -> impl Strategy<Value = HashMap<String, String>> {
    let near = ("[0-9a-f]{2}", "[0-9a-fA-F]{30,33}", "[0-9a-f]{16,17}", "[0-9a-f]{1,3}", "(-.*)?");
    let near = near
        .prop_map(|(version, trace, span, flags, rest)| format!("{version}-{trace}-{span}-{flags}{rest}"));
    let value =
        prop_oneof![near, any::<String>(), "[a-z0-9@*/_-]{0,20}=[ -~]{0,20}(,[a-z]=[ -~]{0,9}){0,40}"];
    hash_map(
        select(&["traceparent", "tracestate", "Traceparent", "x"][..]).prop_map(str::to_owned),
        value,
        0..4,
    )
}

const SETTINGS: [&str; 11] = [
    "CEKURA_API_KEY",
    "CEKURA_AGENT_ID",
    "CEKURA_OTEL_ENDPOINT",
    "CEKURA_API_URL",
    "CEKURA_PROTOCOL",
    "CEKURA_SERVICE_NAME",
    "CEKURA_RELEASE",
    "CEKURA_ENVIRONMENT",
    "CEKURA_MODE",
    "CEKURA_CALLS",
    "CEKURA_CAPTURE_CONTENT",
];

fn setting() -> impl Strategy<Value = String> {
    let url = "(https?|HTTPS|ftp)?(://)?([a-z0-9@:._-]{0,20}|\\[[0-9a-f:]{0,20}\\])(:[0-9]{0,6})?(/[ -~]{0,9})?([?#]x)?";
    prop_oneof![
        url,
        any::<String>(),
        "[0-9]{0,22}",
        select(&["grpc", "local", "cloud", "true"][..]).prop_map(str::to_owned)
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_are_records_or_none(bytes in buffer()) {
        let mut held = 0;
        for (record, size) in records(&bytes) {
            held += size;
            record.attributes();
            record.entries().count();
        }
        prop_assert!(held <= bytes.len());
        last_of_each(&bytes);
        remove_content(&mut bytes.clone());
        draft(&bytes);
    }

    #[test]
    fn any_headers_are_a_link_or_none(headers in headers()) {
        if let Some(link) = headers.span_context() {
            prop_assert!(link.is_valid() && link.is_remote());
        }
    }

    #[test]
    fn any_settings_are_taken_or_refused_without_being_repeated(values in vec(setting(), SETTINGS.len())) {
        let values: HashMap<_, _> = SETTINGS.into_iter().zip(values).collect();
        let key = values["CEKURA_API_KEY"].clone();
        let lookup = move |name: &str| values.get(name).cloned();
        if let Err(error) = resolve(Cekura::builder().variables(lookup)) {
            let said = format!("{error} {error:?}");
            prop_assert!(key.len() < 12 || !said.contains(&key), "{said}");
        }
    }
}
