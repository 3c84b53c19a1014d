//! An answer that is returned in a form that is not followed by itself: a channel, a stream in a tuple or a struct.

use cekura::testing::{Trace, capture};
use cekura_trace_tests::events::{heard, listen};
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Value, json};
use std::sync::mpsc::{Receiver, channel};
use tracing::Level;

struct ReplyStream<S> {
    _inner: S,
}

macro_rules! functions {
    ($($attribute:ident $name:ident -> $returns:ty { $body:expr })*) => {$(
        #[cekura::$attribute]
        fn $name() -> $returns {
            $body
        }
    )*};
}

functions! {
    llm channel_of_words -> Receiver<String> { channel().1 }
    tts channel_of_audio -> (tokio::sync::mpsc::Receiver<Vec<u8>>, u32) { (tokio::sync::mpsc::channel(1).1, 1) }
    s2s beside_an_id -> Result<(BoxStream<'static, String>, u64), String> { Ok((stream::empty().boxed(), 7)) }
    llm wrapped -> Option<ReplyStream<u8>> { Some(ReplyStream { _inner: 1 }) }
    tts asynchronous -> futures::channel::mpsc::UnboundedReceiver<u8> { futures::channel::mpsc::unbounded().1 }
    span stage -> Receiver<u8> { channel().1 }
    tool_call tool -> Receiver<u8> { channel().1 }
    llm followed -> BoxStream<'static, String> { stream::empty().boxed() }
    llm fails -> Result<Receiver<String>, String> { Err("closed".to_owned()) }
    llm words -> String { "We have a Receiver<u8>.".to_owned() }
    llm value -> Value { json!({ "Receiver<u8>": "Stream" }) }
    tts audio -> Vec<u8> { vec![0; 8] }
}

/// What was said of the functions that return a type with this word in its name.
fn said(word: &str) -> Vec<String> {
    let of_place = |text: &String| text.contains("unfollowed.rs") && text.contains(word);
    let heard = heard("ends before its answer is read");
    assert!(heard.iter().all(|heard| heard.level == Level::WARN && heard.target == "cekura"));
    heard.into_iter().map(|heard| heard.text).filter(of_place).collect()
}

#[test]
fn a_channel_or_a_stream_in_something_says_so_once() {
    listen();
    for _ in 0..3 {
        let _: Trace = capture(|| {
            let _ =
                (channel_of_words(), channel_of_audio(), beside_an_id().is_ok(), wrapped(), asynchronous());
        });
    }
    for word in [
        "Receiver<alloc::string::String>",
        "Receiver<alloc::vec::Vec<u8>>",
        "dyn futures_core",
        "ReplyStream",
        "UnboundedReceiver<u8>",
    ] {
        let said = said(word);
        assert_eq!(said.len(), 1, "{word}: {said:#?}");
        assert!(said[0].contains("cekura::follow(…)") && said[0].contains("cekura::current().item(&item)"));
    }
    let before = said("").len();
    let _: Trace = capture(|| {
        let _ = (stage(), tool(), fails().is_ok(), words(), value(), audio());
        drop(followed());
    });
    assert_eq!(said("").len(), before);
}
