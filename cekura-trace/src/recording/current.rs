//! The innermost span of ours that is current where it is asked for, and what code inside tells of it.
//! Invariant: once the span is over, nothing told changes anything.

use super::conversation::{Scope, look};
use super::recorded::Recorded;
use super::seen::{Seen, show};
use super::span::{self, Live, live_of};
use super::value::{Integer, Value};
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;
use serde_json::Value as Json;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

/// The innermost annotated function, or span by hand, that runs here. Where there is none, everything here
/// does nothing.
///
/// For code that reads the answer itself, or learns it in the body: give it each chunk as it comes.
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
/// It may be kept, cloned, and sent to another task, where it stands for the same span. What it is told of
/// the answer wins over what is found in the return value; the attribute's own arguments win over what is
/// found in an item. After the span's end it does nothing.
#[derive(Clone, Debug, Default)]
pub struct CurrentSpan {
    live: Option<Arc<Live>>,
}

/// The innermost span of ours that is current here: of an annotated function, or by hand.
pub fn current() -> CurrentSpan {
    let live = look(|context| {
        let scope = context.get::<Scope>();
        let here = context.span().span_context().trace_id();
        let call = scope.and_then(Scope::call);
        let trace_id = call.map_or(here, |call| call.root.trace_id());
        span::with_current(|live| match live {
            Some(live) if scope.is_none() || live.trace_id() == trace_id => Some(live.clone()),
            // The context was carried here with the OpenTelemetry API alone.
            _ if call.is_some() && here == trace_id => live_of(&context.span()),
            _ => None,
        })
    });
    CurrentSpan { live: live.flatten().flatten() }
}

/// Sets a span attribute on the innermost annotated function that runs here; without one, does nothing. Short
/// for [`current().record(…)`](CurrentSpan::record).
///
/// What is named here is recorded under any content policy.
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
    /// One item of the answer as the provider sends it. It is counted, and what a known shape says is
    /// gathered as from the items of a stream: tokens, texts, transcripts, finish reasons. A list of bytes or
    /// samples counts as audio. Of a `Result` that implements `Serialize`, what is inside is the item.
    pub fn item(&self, item: &(impl Serialize + ?Sized)) {
        self.tell(|live| live.show_item(item));
    }

    /// One item as the JSON text, or bytes, that came from the provider. Text that is no JSON is counted and
    /// says nothing.
    pub fn item_json(&self, text: impl AsRef<[u8]>) {
        self.tell(|live| live.json_item(text.as_ref()));
    }

    /// The first chunk of the answer is here, which [`item`](Self::item) says as well; only the first time
    /// counts.
    pub fn first_chunk(&self) {
        self.tell(|live| live.first_chunk(Instant::now()));
    }

    /// The next part of the answer, put behind those before it. It is not counted, and is no [first
    /// chunk](Self::first_chunk).
    pub fn output(&self, part: impl AsRef<str>) {
        self.tell(|live| live.say(|attributes| attributes.output(Value::Str(part.as_ref()))));
    }

    /// The next part of the transcript, put behind those before it.
    pub fn transcript(&self, part: impl AsRef<str>) {
        self.tell(|live| live.say(|attributes| attributes.transcript(Value::Str(part.as_ref()))));
    }

    /// The next part of the spoken text, put behind those before it; its Unicode scalar values are counted. For a
    /// `tts` that reads its text from what no signature shows as a stream of text: a channel, a named type.
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

    /// The tokens read and written; the last word counts.
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

    /// It failed, whatever its function returns. The error describes it, and the name of its type is
    /// `error.type`: give the error itself rather than a text.
    pub fn fail(&self, error: impl Display) {
        self.tell(|live| live.say(|attributes| attributes.fail_with(&error)));
    }

    /// Sets a span attribute of your own, under any content policy.
    pub fn record(&self, key: impl AsRef<str>, value: impl Recorded) {
        self.tell(|live| live.set_recorded(key.as_ref(), &value));
    }

    /// Sets a span attribute of your own to a value as JSON, under any content policy. One that is a scalar
    /// is recorded as that scalar, and null as nothing.
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
