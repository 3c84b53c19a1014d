//! Arbitrary bytes come back for spans, over gRPC and HTTP: none of them panics, and what is made of them for people is
//! short, on one line and without the key.

use super::{Answer, CONTENT_TYPE, HeaderMap, HeaderValue, MetadataMap, failed, message, status};
use crate::arbitrary::{config, json};
use crate::delivery::encode::framed;
use crate::delivery::transport::reply::{Reader, retry_after};
use crate::delivery::verdict::verdict;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::select;
use tonic::metadata::MetadataValue;

const KEY: &str = "canary";

const TYPES: &[&str] =
    &["application/x-protobuf", "application/json", "text/html", "text/plain; charset=x", ""];

const WAITS: &[&str] = &[
    "0",
    "7",
    "18446744073709551615",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "-1",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..64), Just(KEY.as_bytes().to_vec()), json().prop_map(String::into_bytes)]
}

/// Protobuf of any fields, the nested ones too; and what was made of it on the way.
fn protobuf() -> BoxedStrategy<Vec<u8>> {
    let field = |wire: u8| (1_u8..6).prop_map(move |number| number << 3 | wire);
    let varint = prop_oneof![any::<u64>(), 0_u64..3].prop_map(|mut number| {
        let mut written = Vec::new();
        while number > 0x7f {
            written.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
            number >>= 7;
        }
        written.push(u8::try_from(number).unwrap_or_default());
        written
    });
    let kind = Just(b"type.googleapis.com/google.rpc.RetryInfo".to_vec());
    let leaf = (field(0), varint).prop_map(|(tag, value)| [vec![tag], value].concat());
    let message = leaf.prop_recursive(4, 32, 5, move |inner| {
        let inside = prop_oneof![4 => vec(inner.clone(), 0..5).prop_map(|all| all.concat()), 1 => bytes(), 1 => kind.clone()];
        let nested = (field(2), inside).prop_map(|(tag, inside)| {
            let length = u8::try_from(inside.len() & 0x7f).unwrap_or_default();
            [&[tag, length], &inside[..]].concat()
        });
        prop_oneof![nested, vec(inner, 0..3).prop_map(|all| all.concat())]
    });
    prop_oneof![3 => message, 1 => bytes()].boxed()
}

fn header() -> impl Strategy<Value = Option<HeaderValue>> {
    let text = prop_oneof![bytes(), select(TYPES).prop_map(|text| text.as_bytes().to_vec())];
    let text = prop_oneof![text, select(WAITS).prop_map(|text| text.as_bytes().to_vec())];
    text.prop_map(|text| HeaderValue::from_bytes(&text).ok())
}

fn reader() -> Reader {
    let mut key = HeaderValue::from_static(KEY);
    key.set_sensitive(true);
    Reader::new(&HeaderMap::from_iter([(AUTHORIZATION, key)]))
}

fn is_fit_for_people(answer: &Answer) -> bool {
    let (Answer::Accepted { message, .. }
    | Answer::Grpc { message, .. }
    | Answer::Http { message, .. }
    | Answer::None { message, .. }
    | Answer::Unexpected { message }) = answer;
    let shown = [message.clone(), answer.to_string()];
    let is_fit =
        |text: &String| text.chars().count() < 400 && !text.contains(char::is_control) && !text.contains(KEY);
    shown.iter().all(is_fit)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_reply_over_http_is_an_answer(
        code in 100_u16..600, kind in header(), wait in header(), body in protobuf(), length in any::<usize>(),
    ) {
        let headers = [(CONTENT_TYPE, kind), (RETRY_AFTER, wait)].into_iter();
        let headers = headers.filter_map(|(name, value)| Some((name, value?))).collect();
        for answer in [reader().http(code, &headers, &body), reader().accepted(&body)] {
            prop_assert!(is_fit_for_people(&answer), "{answer:?}");
            verdict(&answer, length);
        }
        retry_after(&headers);
    }

    #[test]
    fn any_reply_over_grpc_is_an_answer(
        code in any::<i32>(), details in protobuf(), text in header(), word in header(), body in protobuf(),
        is_framed in any::<bool>(), length in any::<usize>(),
    ) {
        let mut metadata = MetadataMap::new();
        metadata.insert_bin("grpc-status-details-bin", MetadataValue::from_bytes(&details));
        let mut trailers = metadata.into_headers();
        trailers.extend([("grpc-message", text)].into_iter().filter_map(|(name, value)| {
            Some((http::HeaderName::from_static(name), value?))
        }));
        let framed = if is_framed { framed(false, body.len(), |frame| frame.extend(&body)).into() } else { body };
        for answer in [failed(code, &trailers, &reader()), message(&framed, &reader())] {
            prop_assert!(is_fit_for_people(&answer), "{answer:?}");
            verdict(&answer, length);
        }
        if let Some(word) = word {
            trailers.insert("grpc-status", word.clone());
            trailers.insert("grpc-status-details-bin", word);
            status(&trailers);
            failed(code, &trailers, &reader());
        }
    }
}
