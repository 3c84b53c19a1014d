//! The conversation and turn that are open in the current context. Invariant: without a conversation, every method
//! here does nothing.

use super::home::Home;
use super::moment::Moment;
use super::names::{NAME_LIMIT, is_blank};
use super::parent::Parent;
use super::scope::Scope;
use super::thread::{current, look};
use crate::call::{self, Call, Heard, Source};
use crate::clip::clip;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceId};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// An open conversation, from [`current_conversation`] or from the guard of [`Conversation::start`]. It is
/// cheap to clone and may outlive the conversation. The default one belongs to no call and does nothing, for
/// `current_conversation().unwrap_or_default()`.
#[derive(Clone)]
pub struct Conversation {
    pub(super) call: Arc<Call>,
    /// `None` if nothing is recorded.
    home: Option<Arc<Home>>,
}

impl Conversation {
    pub(super) fn of(home: &Arc<Home>) -> Option<Self> {
        Some(Self { call: home.call.clone()?, home: Some(home.clone()) })
    }

    /// The trace id of the conversation. A backend shows the conversation under it.
    pub fn trace_id(&self) -> TraceId {
        call::know_trace();
        self.call.root.trace_id()
    }

    /// The call's id: the `call_id` of the attribute or the one given to [`set_call_id`](Self::set_call_id),
    /// otherwise the trace id as 32 hex digits.
    pub fn id(&self) -> &str {
        self.call.id()
    }

    /// Sets the call's id, if it becomes known only from the first message. The conversation's span gets it if
    /// it is still open; the call log and all turns that begin from now on get it too. A blank id is ignored, and
    /// after a thousand different ones any other.
    ///
    /// ```
    /// #[cekura::conversation]
    /// fn answer(first_message: &str) {
    ///     cekura::current_conversation().unwrap_or_default().set_call_id(first_message);
    /// }
    /// # let trace = cekura::testing::capture(|| answer("CA17"));
    /// # assert_eq!(trace.spans()[0].text("call_id"), Some("CA17"));
    /// ```
    pub fn set_call_id(&self, id: impl AsRef<str>) {
        let id = clip(id.as_ref(), NAME_LIMIT);
        if self.is_recorded() && !is_blank(id) {
            self.call.set_id(id.to_owned());
        }
    }

    /// The turn that it was asked for in, or the only one that is open.
    pub(super) fn turn(&self) -> Option<i64> {
        let home = self.home.as_ref()?;
        home.turn.clone().or_else(|| home.open_turn()).map(|turn| turn.key())
    }

    /// `None` where nothing is recorded.
    pub(super) fn home(&self) -> Option<&Arc<Home>> {
        self.home.as_ref()
    }

    /// Whether it belongs to a call.
    pub(super) fn is_recorded(&self) -> bool {
        self.home.is_some()
    }

    /// A context for a span that is to be in the conversation and in no turn.
    pub(super) fn context(&self) -> Option<Context> {
        let home = self.home.as_ref()?;
        Some(standing(&self.call.root, home.with_turn(None)))
    }
}

impl Default for Conversation {
    fn default() -> Self {
        Self { call: Arc::new(Call::nowhere()), home: None }
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, trace_id) = (self.id(), self.trace_id());
        f.debug_struct("Conversation").field("id", &id).field("trace_id", &trace_id).finish_non_exhaustive()
    }
}

/// The current context, with another current span and another scope.
fn standing(span: &SpanContext, home: Arc<Home>) -> Context {
    let context = look(Context::clone).unwrap_or_default();
    context.with_value(Scope::inside(home)).with_remote_span_context(span.clone())
}

/// An open turn, from [`current_turn`] or from the guard of [`spans::turn`](crate::spans::turn). It is cheap to
/// clone and may outlive the turn. The default one belongs to no call and does nothing, for
/// `current_turn().unwrap_or_default()`.
#[derive(Clone)]
pub struct Turn {
    turn: Arc<call::Turn>,
    /// `None` if nothing is recorded.
    home: Option<Arc<Home>>,
}

impl Turn {
    pub(super) fn of(home: &Arc<Home>) -> Option<Self> {
        Some(Self { turn: home.turn.clone()?, home: Some(home.clone()) })
    }

    /// A context for a span that is to be in the turn.
    pub(super) fn context(&self) -> Option<Context> {
        Some(standing(&self.turn.span, self.home.clone()?))
    }

    /// The turn's number. The first turn of a conversation has number 1, unless it was given another one.
    pub fn number(&self) -> i64 {
        self.turn.number
    }

    /// Whether the turn, or an `llm`, `tts` or `s2s` in it, was dropped before its end.
    pub fn was_interrupted(&self) -> bool {
        self.turn.was_interrupted()
    }

    /// The caller stopped speaking now, for example according to a voice activity detector.
    ///
    /// Without it, the end of an `stt` that understood something counts: of one in the turn, or else of one in
    /// the conversation that no turn has answered yet. An `stt` that failed, was interrupted or returned `None`
    /// does not count.
    ///
    /// ```
    /// # use std::time::SystemTime;
    /// #[cekura::turn]
    /// async fn turn(speech_ended: SystemTime) {
    ///     let turn = cekura::current_turn(); // `None` where nothing is recorded
    ///     turn.inspect(|turn| turn.user_stopped_at(speech_ended));
    ///     // … the agent hears, thinks and speaks, and says when it is heard:
    ///     cekura::current_turn().inspect(cekura::Turn::first_audio);
    /// }
    /// # let mut turn = Box::pin(turn(SystemTime::now()));
    /// # let trace = cekura::testing::capture(|| {
    /// #     turn.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    /// # });
    /// # assert!(trace.span("turn").unwrap().attribute("turn.user_bot_latency_seconds").is_some());
    /// ```
    pub fn user_stopped(&self) {
        self.user_stopped_at(Instant::now());
    }

    /// The caller stopped speaking at that moment, an `Instant` or a `SystemTime`. If there are several, the
    /// last one before the first audio counts.
    pub fn user_stopped_at(&self, at: impl Moment) {
        let at = at.instant();
        self.turn.heard(Source::Program, at);
        if let Some((home, call)) = self.call() {
            call.notes.stop(home.clock.at(at));
        }
    }

    /// The caller has heard these words now, as a voice says that gives the times of its words. Where the turn
    /// is interrupted, they are what the transcript says of the agent in it; a turn that was not is as its spans
    /// say.
    pub fn spoken(&self, words: impl AsRef<str>) {
        if let Some((home, call)) = self.call() {
            let at = home.clock.at(Instant::now());
            call.notes.hear(Heard { turn: self.turn.key(), text: words.as_ref().to_owned(), at });
        }
    }

    fn call(&self) -> Option<(&Home, &Call)> {
        let home = self.home.as_deref()?;
        Some((home, home.call.as_deref()?))
    }

    /// The caller hears the agent from now on. Only the first time counts.
    ///
    /// Without it, the first item of a streaming `tts` counts, or the end of a `tts` that returns its audio at
    /// once, or the first audio of an `s2s`.
    pub fn first_audio(&self) {
        self.first_audio_at(Instant::now());
    }

    /// The caller heard the agent from that moment on, an `Instant` or a `SystemTime`. The earliest moment
    /// counts.
    pub fn first_audio_at(&self, at: impl Moment) {
        self.turn.spoke(Source::Program, at.instant());
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self { turn: Arc::new(call::Turn::nowhere()), home: None }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, span) = (self.number(), self.turn.span.span_id());
        f.debug_struct("Turn").field("number", &number).field("span_id", &span).finish_non_exhaustive()
    }
}

/// The current conversation, if there is one.
pub fn current_conversation() -> Option<Conversation> {
    look(|context| Conversation::of(context.get::<Scope>()?.home.as_ref()?)).flatten()
}

/// The current turn, if there is one: the turn that this code runs in, or else the conversation's only open
/// turn, in whichever task it was opened.
pub fn current_turn() -> Option<Turn> {
    let home = look(|context| context.get::<Scope>()?.home.clone()).flatten()?;
    Turn::of(&home).or_else(|| Turn::of(&home.with_turn(Some(home.open_turn()?))))
}

/// The trace id of the current conversation, or else of the current annotated function.
///
/// It prints as 32 hex digits, the form that a call log takes.
pub fn trace_id() -> Option<TraceId> {
    call::know_trace();
    let call = look(|context| Some(context.get::<Scope>()?.call()?.root.trace_id()));
    call.flatten().or_else(|| current().map(|live| live.trace_id()))
}

impl Parent for Conversation {
    fn parent(&self) -> Option<Context> {
        self.context()
    }
}

impl Parent for Turn {
    fn parent(&self) -> Option<Context> {
        self.context()
    }
}
