//! The innermost current span, for code inside a function that adds to it. Invariant: once the span has ended,
//! nothing changes it.

use super::moment::Moment;
use super::recorded::Recorded;
use super::scope::Scope;
use super::seen::{Seen, show};
use super::span::live::Live;
use super::span::live::handle::{by_hand, live_of};
use super::thread::{look, with_current};
use super::value::{Integer, Value};
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;
use serde_json::Value as Json;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

/// The current span: of the innermost annotated function, or a span by hand that the code runs in. If there is
/// none, the methods do nothing.
///
/// It is for a function that reads its answer itself, or learns it in its body. Give it each chunk as it
/// arrives:
///
/// ```
/// use serde_json::{Value, json};
/// # fn stream() -> [Value; 3] {
/// #     let chunk = |delta: Value, finish: Option<&str>, usage: Value| json!({
/// #         "object": "chat.completion.chunk", "usage": usage,
/// #         "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }]
/// #     });
/// #     let usage = json!({ "prompt_tokens": 9, "completion_tokens": 4 });
/// #     [
/// #         chunk(json!({ "content": "From ten " }), None, Value::Null),
/// #         chunk(json!({ "content": "to four." }), None, Value::Null),
/// #         chunk(json!({}), Some("stop"), usage),
/// #     ]
/// # }
///
/// #[cekura::llm(provider = "openai")]
/// fn answer(question: &str) -> String {
///     let mut answer = String::new();
///     for chunk in stream() {
///         cekura::current().item(&chunk);
///         answer += chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
///     }
///     answer
/// }
/// # let trace = cekura::testing::capture(|| answer("When?"));
/// # let llm = trace.span("llm").unwrap();
/// # assert_eq!(llm.text("output"), Some("From ten to four."));
/// # assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), Some(&4.into()));
/// # assert_eq!(llm.attribute("stream.items"), Some(&3.into()));
/// ```
///
/// It may be kept, cloned and sent to another task, and still stands for the same span. What it records of the
/// answer overrides what is found in the return value. The attribute's own arguments override what is found in
/// an item. After the span's end its methods do nothing.
#[derive(Clone, Debug, Default)]
pub struct CurrentSpan {
    live: Option<Arc<Live>>,
}

/// The innermost current span of this crate: of an annotated function, or by hand.
pub fn current() -> CurrentSpan {
    let live = look(|context| {
        if let Some(live) = by_hand(context) {
            return Some(Some(live));
        }
        let scope = context.get::<Scope>();
        let here = context.span().span_context().trace_id();
        let call = scope.and_then(Scope::call);
        let trace_id = call.map_or(here, |call| call.root.trace_id());
        with_current(|live| match live {
            Some(live) if scope.is_none() || live.trace_id() == trace_id => Some(live.clone()),
            // The context was carried here with the OpenTelemetry API alone.
            _ if call.is_some() && here == trace_id => live_of(&context.span()),
            _ => None,
        })
    });
    CurrentSpan { live: live.flatten().flatten() }
}

/// Sets a span attribute on the current span, or does nothing if there is none. Short for
/// [`current().record(…)`](CurrentSpan::record).
///
/// It is kept under any content policy.
///
/// ```
/// # fn retries() -> usize { 2 }
/// # fn region() -> Option<&'static str> { None }
/// #[cekura::llm(provider = "openai")]
/// fn answer(question: &str) -> String {
///     cekura::record("answer.retries", retries());
///     cekura::record("answer.region", region()); // `None` records nothing
///     // …
/// #   question.to_owned()
/// }
/// ```
pub fn record(key: impl AsRef<str>, value: impl Recorded) {
    current().record(key, value);
}

impl CurrentSpan {
    /// One item of the answer, as the provider sent it. It is counted. What a known response says in it is
    /// gathered as from the items of a stream: tokens, texts, transcripts, finish reasons. A list of bytes or
    /// samples counts as audio. Of a `Result` that implements `Serialize`, the value inside is the item.
    pub fn item(&self, item: &(impl Serialize + ?Sized)) {
        self.tell(|live| live.show_item(item));
    }

    /// One item as the JSON text, or bytes, that the provider sent. A text that is not JSON is only counted.
    pub fn item_json(&self, text: impl AsRef<[u8]>) {
        self.tell(|live| live.json_item(text.as_ref()));
    }

    /// Marks that the first chunk of the answer is here. [`item`](Self::item) marks it too. Only the first time
    /// counts.
    pub fn first_chunk(&self) {
        self.tell(|live| live.first_chunk(Instant::now()));
    }

    /// The first chunk of the answer was here at that moment, an `Instant` or a `SystemTime`. Only the first time that a chunk
    /// is told of counts.
    pub fn first_chunk_at(&self, at: impl Moment) {
        self.tell(|live| live.first_chunk(at.instant()));
    }

    /// The next part of the answer; it is appended to the parts before it. It is not counted as an item or as
    /// the [first chunk](Self::first_chunk).
    pub fn output(&self, part: impl AsRef<str>) {
        self.tell(|live| live.say(|attributes| attributes.output(Value::Str(part.as_ref()))));
    }

    /// The next part of the transcript; it is appended to the parts before it.
    pub fn transcript(&self, part: impl AsRef<str>) {
        self.tell(|live| live.say(|attributes| attributes.transcript(Value::Str(part.as_ref()))));
    }

    /// The next part of the spoken text; it is appended to the parts before it. The Unicode scalar values are
    /// counted. It is for a `tts` whose signature does not show where the text comes from: a channel, a named
    /// type.
    ///
    /// ```
    /// use std::sync::mpsc::{Receiver, channel};
    ///
    /// #[cekura::tts(provider = "cartesia")]
    /// fn speak(sentences: Receiver<String>) -> Vec<i16> {
    ///     let mut audio = Vec::new();
    ///     for sentence in sentences {
    ///         cekura::current().text(&sentence);
    ///         audio.extend([0; 80]); // …
    ///     }
    ///     audio
    /// }
    /// # let (sender, sentences) = channel();
    /// # ["From ten ", "to four."].map(|sentence| sender.send(sentence.to_owned()).unwrap());
    /// # drop(sender);
    /// # let trace = cekura::testing::capture(|| speak(sentences));
    /// # let tts = trace.span("tts").unwrap();
    /// # assert_eq!(tts.text("text"), Some("From ten to four."));
    /// # assert_eq!(tts.attribute("tts.characters"), Some(&17.into()));
    /// ```
    pub fn text(&self, part: impl AsRef<str>) {
        self.tell(|live| live.text(part.as_ref()));
    }

    /// The tokens read and written. The last values count.
    pub fn usage(&self, input_tokens: impl Integer, output_tokens: impl Integer) {
        self.tell(|live| {
            live.say(|attributes| {
                attributes.input_tokens(&input_tokens);
                attributes.output_tokens(&output_tokens);
            });
        });
    }

    /// Why the model stopped.
    pub fn finish_reason(&self, reason: impl AsRef<str>) {
        self.tell(|live| live.say(|attributes| attributes.finish_reason(Value::Str(reason.as_ref()))));
    }

    /// Marks the span as failed, whatever its function returns. The error's `Display` describes the failure,
    /// and `error.type` is the name of the error's type: give the error itself rather than a text.
    pub fn fail(&self, error: impl Display) {
        self.tell(|live| live.say(|attributes| attributes.fail_with(&error)));
    }

    /// Sets a span attribute of your own. It is kept under any content policy.
    pub fn record(&self, key: impl AsRef<str>, value: impl Recorded) {
        self.tell(|live| live.set_recorded(key.as_ref(), &value));
    }

    /// Sets a span attribute of your own to a value as JSON. It is kept under any content policy. A scalar is
    /// recorded as that scalar, and a null is not recorded.
    pub fn record_json(&self, key: impl AsRef<str>, value: &(impl Serialize + ?Sized)) {
        self.tell(|live| live.set_json(key.as_ref(), value));
    }

    pub(super) fn into_live(self) -> Option<Arc<Live>> {
        self.live
    }

    fn tell(&self, tell: impl FnOnce(&Live)) {
        if let Some(live) = &self.live {
            tell(live);
        }
    }
}

// What a guard can do as well.
impl Live {
    /// An item of the answer is here.
    pub(super) fn show_item(&self, item: &(impl Serialize + ?Sized)) {
        self.item(Instant::now(), |attributes| show(item, &mut |seen: Seen<'_>| seen.record(attributes)));
    }

    /// An item of the answer is here, as JSON.
    pub(super) fn json_item(&self, text: &[u8]) {
        let item = serde_json::from_slice::<Json>(text).ok();
        self.item(Instant::now(), |attributes| {
            if let Some(item) = &item {
                attributes.returned(Value::Serialize(item));
            }
        });
    }

    pub(super) fn set_json(&self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.set(|attributes| attributes.record(key, Value::Serialize(&value)));
    }
}
