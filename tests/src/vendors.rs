//! Has an annotated function return what a vendor sends, from the files in `vendors/`, and returns what its
//! span says.
//!
//! One file is one answer, after the vendor's public reference: one line of JSON, or one line for each item of a stream.

use cekura::testing::{Trace, capture};
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;

/// What a vendor sends, as whatever type it is read into.
pub fn items<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("vendors/{file}.jsonl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}\n{line}"));
    text.lines().map(read).collect()
}

/// What a vendor sends as one value.
pub fn item<T: DeserializeOwned>(file: &str) -> T {
    let mut items = items(file);
    assert_eq!(items.len(), 1, "{file} is a stream");
    items.remove(0)
}

/// What the only span says, one line for each key, but for what it measured.
pub fn said(trace: &Trace) -> Vec<String> {
    let measured = ["ttfb", "chunk", "first_token_ms", "gap_seconds"];
    let constant = ["code.function.name", "gen_ai.operation.name"];
    let [span] = trace.spans() else { panic!("{trace}") };
    let attributes = span.attributes();
    let told = attributes
        .filter(|(key, _)| !constant.contains(key) && !measured.iter().any(|end| key.ends_with(end)));
    let mut lines: Vec<_> = told.map(|(key, value)| format!("{key} = {value}")).collect();
    lines.sort();
    lines
}

macro_rules! functions {
    ($($attribute:ident: $one:ident, $stream:ident;)*) => {$(
        #[doc = concat!("The trace of a function with `", stringify!($attribute), "` that returns `value`.")]
        pub fn $one<T: Serialize>(value: T) -> Trace {
            #[cekura::$attribute(skip(value))]
            fn call<T: Serialize>(value: T) -> T {
                value
            }
            capture(|| call(value))
        }

        #[doc = concat!("The trace of one that streams `items`, of which `taken` are read before it is dropped.")]
        pub fn $stream<T: Serialize + Send + 'static>(items: Vec<T>, taken: usize) -> Trace {
            #[cekura::$attribute(skip(items))]
            fn call<T: Serialize + Send + 'static>(items: Vec<T>) -> BoxStream<'static, T> {
                // Nobody can ask it how much is left.
                let items = items.into_iter();
                stream::unfold(items, |mut items| async { items.next().map(|item| (item, items)) }).boxed()
            }
            capture(|| block_on_stream(call(items)).take(taken).for_each(drop))
        }
    )*};
}

functions! {
    llm: llm, llm_stream;
    s2s: s2s, s2s_stream;
    stt: stt, stt_stream;
}

/// All items, and then the end.
pub const ALL: usize = usize::MAX;
