//! The setters that only some span names have, with the names of the attributes' arguments. Invariant: the type
//! of a builder or guard decides which setters it has.

use super::builder::{Builder, Guard, Kind};
use super::kinds::{Conversation, Llm, S2s, Stt, ToolCall, Tts, Turn};
use crate::call::NamesRun;
use crate::destination::Client;
use crate::policy::CaptureContent;
use crate::recording::attributes::Attributes;
use crate::recording::conversation as open;
use crate::recording::moment::Moment;
use crate::recording::value::{Float, Form, Integer, Len, Value};
use crate::recording::w3c::LinkHeaders;
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;
use std::time::Instant;

/// A span of a model: `stt`, `llm`, `tts` or `s2s`.
pub trait Model: Kind {}

impl Model for Llm {}
impl Model for S2s {}
impl Model for Stt {}
impl Model for Tts {}

/// A span of a model that writes an answer: `llm` or `s2s`.
pub trait Generator: Model {}

impl Generator for Llm {}
impl Generator for S2s {}

/// A span in which the agent speaks: `tts` or `s2s`.
pub trait Voice: Model {}

impl Voice for S2s {}
impl Voice for Tts {}

impl<K: Model> Builder<K> {
    /// What the model is asked to do, `gen_ai.operation.name`; `chat` on `llm` unless set.
    pub fn operation(self, operation: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.operation(Value::Str(operation.as_ref())))
    }

    /// The vendor.
    pub fn provider(self, provider: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.provider(Value::Str(provider.as_ref())))
    }

    /// The requested model.
    pub fn model(self, model: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.model(Value::Str(model.as_ref())))
    }
}

impl<K: Generator> Builder<K> {
    /// The sampling temperature.
    pub fn temperature(self, temperature: impl Float) -> Self {
        self.set(|attributes| attributes.temperature(&temperature))
    }

    /// The requested maximum of tokens.
    pub fn max_tokens(self, tokens: impl Integer) -> Self {
        self.set(|attributes| attributes.max_tokens(&tokens))
    }
}

impl Builder<Tts> {
    /// The spoken text; its Unicode scalar values are counted.
    pub fn text(self, text: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.text(Value::Str(text.as_ref())))
    }

    /// The voice.
    pub fn voice(self, voice: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.voice(Value::Str(voice.as_ref())))
    }
}

impl Builder<ToolCall> {
    /// The id that the model gave the tool call.
    pub fn id(self, id: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.id(Value::Str(id.as_ref())))
    }

    /// All arguments at once: JSON that the model wrote, or a value that serialises to it.
    pub fn arguments(self, arguments: &(impl Serialize + ?Sized)) -> Self {
        self.set(|attributes| attributes.tool_arguments(&arguments))
    }
}

impl Builder<Turn> {
    /// The turn's number. Without it, it is one more than the number of the last turn.
    pub fn number(self, number: impl Integer) -> Self {
        self.set(|attributes| attributes.number(&number))
    }
}

impl Builder<Conversation> {
    /// The id under which Cekura stores the call.
    pub fn call_id(self, id: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.call_id(Value::Str(id.as_ref())))
    }

    /// Who calls: an id of the program's own.
    pub fn user_id(self, id: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.user_id(Value::Str(id.as_ref())))
    }

    /// The session, or thread, that this conversation is a part of.
    pub fn session_id(self, id: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.session_id(Value::Str(id.as_ref())))
    }

    /// Posts the call log when the conversation ends, in whatever way it ends. Its transcript is what the spans
    /// of the conversation say: what `stt` understood, what `tts` and `s2s` spoke, which tools ran. What the
    /// conversation's guard is told stands in place of that, in the turn where it is told:
    /// [`user`](open::Conversation::user), [`agent`](open::Conversation::agent). It also takes
    /// [`metadata`](open::Conversation::metadata) and [`ended`](open::Conversation::ended).
    pub fn observe(self) -> Self {
        self.set(Attributes::observe)
    }

    /// As [`observe`](Self::observe), but the transcript is only what the conversation's guard is told.
    pub fn observe_manual(self) -> Self {
        self.set(Attributes::observe_manual)
    }

    /// Sends the conversation to this handle, in place of the process's default.
    pub fn client(self, client: &impl Client) -> Self {
        self.set(|attributes| attributes.client(client))
    }

    /// How much of the conversation's content its spans carry.
    pub fn capture(self, capture: CaptureContent) -> Self {
        self.set(|attributes| attributes.capture(capture))
    }

    /// Makes the trace id from the carrier's call SID: the first 16 bytes of its SHA-256. It is also the call's id where no
    /// other is given.
    pub fn trace_id_from(self, sid: impl AsRef<str>) -> Self {
        self.set(|attributes| attributes.trace_id_from(Value::Str(sid.as_ref())))
    }

    /// The simulation run that the call belongs to.
    pub fn run(self, run: impl NamesRun) -> Self {
        self.set(|attributes| attributes.run(&run))
    }

    /// Links to the span that is named in W3C headers from the caller's process.
    pub fn link_headers(self, headers: &impl LinkHeaders) -> Self {
        self.set(|attributes| attributes.link_headers(headers))
    }
}

impl open::Conversation {
    /// Begins a conversation by hand, for a call without a function to annotate. It has no call log and no
    /// other settings: [`spans::conversation`](super::conversation) takes them, such as
    /// [`observe`](Builder::observe).
    ///
    /// ```
    /// # use cekura::Conversation;
    /// # async fn take_call() {}
    /// # async fn run() {
    /// let call = Conversation::start("call-42");
    /// call.run(take_call()).await; // what is traced in there belongs to the call
    /// call.finish().await;
    /// # }
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # let trace = runtime.block_on(cekura::testing::capture_async(run()));
    /// # assert_eq!(trace.spans()[0].text("call_id"), Some("call-42"));
    /// ```
    #[track_caller]
    pub fn start(call_id: impl AsRef<str>) -> Guard<Conversation> {
        super::conversation().call_id(call_id).start()
    }
}

impl Guard<Conversation> {
    /// Who calls, where that becomes known while the call runs. The last value counts.
    pub fn user_id(&mut self, id: impl AsRef<str>) {
        self.set(|attributes| attributes.user_id(Value::Str(id.as_ref())));
    }

    /// The session that the conversation is a part of, where that becomes known while the call runs. The last value counts.
    pub fn session_id(&mut self, id: impl AsRef<str>) {
        self.set(|attributes| attributes.session_id(Value::Str(id.as_ref())));
    }

    /// Ends the conversation now and waits until its spans are delivered, at most 5 s. Dropping the future does
    /// not stop the delivery.
    ///
    /// It also ends every span that is still open in the call, the conversation last, so that a leaked guard or
    /// a task that nobody awaits cannot keep the trace incomplete. Such a span gets `cekura.unfinished = true`
    /// and lacks what only its end would tell; what its function does later changes nothing. Open spans that
    /// the program made without this crate are not ended. If this conversation is inside another one, only its
    /// own span ends.
    pub fn finish(mut self) -> impl Future<Output = ()> + Send {
        let held = self.held.take();
        let delivery = held.and_then(|held| {
            let (destination, call) = (held.open.destination(), &self.handle.call);
            let is_root = *held.open.context().span().span_context() == call.root;
            held.open.end(if is_root { call.cut_off() } else { Instant::now() });
            destination.map(|destination| destination.flush())
        });
        async {
            if let Some(delivery) = delivery {
                delivery.await;
            }
        }
    }
}

impl<K: Model> Guard<K> {
    /// The tokens read and written. The last values count.
    pub fn usage(&mut self, input_tokens: impl Integer, output_tokens: impl Integer) {
        self.set(|attributes| {
            attributes.input_tokens(&input_tokens);
            attributes.output_tokens(&output_tokens);
        });
    }

    /// Marks that the first chunk of the answer is here. [`item`](Self::item) and `audio` mark it too. Only the
    /// first time counts.
    pub fn first_chunk(&mut self) {
        self.first_chunk_at(Instant::now());
    }

    /// The first chunk of the answer was here at that moment, an `Instant` or a `SystemTime`. Only the first time that a chunk
    /// is told of counts, by this, [`first_chunk`](Self::first_chunk), `item` or `audio`.
    pub fn first_chunk_at(&mut self, at: impl Moment) {
        if let Some(live) = self.live() {
            live.first_chunk(at.instant());
        }
    }

    /// One item of the answer, as the provider sent it. It is counted. What a known response says in it is
    /// gathered as from the items of a stream: tokens, texts, transcripts, finish reasons.
    pub fn item(&mut self, item: &(impl Serialize + ?Sized)) {
        if let Some(live) = self.live() {
            live.show_item(item);
        }
    }

    /// One item as the JSON text, or bytes, that the provider sent. A text that is not JSON is only counted.
    pub fn item_json(&mut self, text: impl AsRef<[u8]>) {
        if let Some(live) = self.live() {
            live.json_item(text.as_ref());
        }
    }
}

impl<K: Generator> Guard<K> {
    /// The next part of the answer; it is appended to the parts before it. It is not counted as an item or as
    /// the [first chunk](Self::first_chunk).
    pub fn output(&mut self, part: impl AsRef<str>) {
        self.set(|attributes| attributes.output(Value::Str(part.as_ref())));
    }

    /// Why the model stopped. If the guard is dropped afterwards, the span is not interrupted.
    pub fn finish_reason(&mut self, reason: impl AsRef<str>) {
        self.set(|attributes| attributes.finish_reason(Value::Str(reason.as_ref())));
    }

    /// The model that answered.
    pub fn response_model(&mut self, model: impl AsRef<str>) {
        self.set(|attributes| attributes.response_model(Value::Str(model.as_ref())));
    }

    /// The id of the answer.
    pub fn response_id(&mut self, id: impl AsRef<str>) {
        self.set(|attributes| attributes.response_id(Value::Str(id.as_ref())));
    }
}

impl Guard<Stt> {
    /// The next part of the transcript; it is appended to the parts before it. Use it for final text. For
    /// interim transcripts use [`item`](Self::item), where each replaces the one before it.
    pub fn transcript(&mut self, part: impl AsRef<str>) {
        self.set(|attributes| attributes.transcript(Value::Str(part.as_ref())));
    }

    /// How sure the recogniser is, from 0 to 1.
    pub fn confidence(&mut self, confidence: impl Float) {
        self.set(|attributes| attributes.confidence(&confidence));
    }

    /// The language of the speech, as the provider names it.
    pub fn language(&mut self, language: impl AsRef<str>) {
        self.set(|attributes| attributes.language(Value::Str(language.as_ref())));
    }

    /// Whether the transcript is final. It does not affect how the span ends.
    pub fn is_final(&mut self, is_final: bool) {
        self.set(|attributes| attributes.is_final(&is_final));
    }
}

impl Guard<Tts> {
    /// The next part of the spoken text; it is appended to the parts before it, and replaces the builder's
    /// [`text`](Builder::text). The Unicode scalar values of all parts are counted.
    pub fn text(&mut self, part: impl AsRef<str>) {
        if let Some(live) = self.live() {
            live.text(part.as_ref());
        }
    }
}

impl<K: Voice> Guard<K> {
    /// A chunk of audio with this many bytes or samples. The first one is the turn's first audio, unless
    /// [`first_audio`](open::Turn::first_audio) sets another moment.
    pub fn audio(&mut self, elements: usize) {
        self.chunk(|attributes| attributes.returned(Value::Len(Len { elements, form: Form::Samples })));
    }
}

impl Guard<ToolCall> {
    /// The result of the tool, as JSON.
    pub fn output(&mut self, output: &(impl Serialize + ?Sized)) {
        self.set(|attributes| attributes.tool_output(&Value::Serialize(&output)));
    }
}
