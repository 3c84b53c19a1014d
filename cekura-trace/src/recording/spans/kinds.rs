//! One type and one builder function for each span name. Invariant: the type decides what can be set on the
//! span.

use super::builder::{Builder, Guard, Kind, Sealed};
use crate::recording::callsite::Callsite;
use crate::recording::conversation as open;
use crate::recording::scope::Scope;
use opentelemetry::Context;
use std::ops::Deref;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $function:ident($($name:ident)?);)*) => {
        $($(#[$doc])*
        #[derive(Debug)]
        pub enum $kind {}

        impl Kind for $kind {}

        kinds!(@ $kind $function $($name)?);)*
    };
    (@ $kind:ident $function:ident) => {
        #[doc = concat!("A span `", stringify!($function), "` by hand. [`start`](Builder::start) begins it.")]
        #[track_caller]
        pub fn $function() -> Builder<$kind> {
            Builder::new(Callsite::$function(concat!("spans::", stringify!($function)), ""))
        }
    };
    (@ $kind:ident $function:ident name) => {
        #[doc = concat!("A span `", stringify!($function), "` by hand, with this name. [`start`](Builder::start) begins it.")]
        #[track_caller]
        pub fn $function(name: &str) -> Builder<$kind> {
            Builder::new(Callsite::$function(concat!("spans::", stringify!($function)), "")).named(name)
        }
    };
}

kinds! {
    /// A call, the root of its trace. Its guard dereferences to [`cekura::Conversation`](crate::Conversation).
    Conversation: conversation();
    /// One exchange between the caller and the agent. Its guard dereferences to [`cekura::Turn`](crate::Turn).
    Turn: turn();
    /// Speech to text.
    Stt: stt();
    /// A language model's answer.
    Llm: llm();
    /// Text to speech.
    Tts: tts();
    /// Speech to speech.
    S2s: s2s();
    /// One run of a tool.
    ToolCall: tool_call(name);
    /// A stage of any other kind, under a name of your own.
    Stage: span(name);
}

macro_rules! without_handle {
    ($($kind:ident),*) => {
        $(impl Sealed for $kind {
            type Handle = ();

            fn handle(_: Option<&Context>) {}
        })*
    };
}

without_handle!(Stt, Llm, Tts, S2s, ToolCall, Stage);

impl Sealed for Conversation {
    type Handle = open::Conversation;

    fn handle(context: Option<&Context>) -> open::Conversation {
        let home = context.and_then(|context| context.get::<Scope>()?.home.as_ref());
        home.and_then(open::Conversation::of).unwrap_or_default()
    }
}

impl Sealed for Turn {
    type Handle = open::Turn;

    fn handle(context: Option<&Context>) -> open::Turn {
        let home = context.and_then(|context| context.get::<Scope>()?.home.as_ref());
        home.and_then(open::Turn::of).unwrap_or_default()
    }
}

/// If nothing records, the trace id is invalid (all zeros).
impl Deref for Guard<Conversation> {
    type Target = open::Conversation;

    fn deref(&self) -> &open::Conversation {
        &self.handle
    }
}

impl Deref for Guard<Turn> {
    type Target = open::Turn;

    fn deref(&self) -> &open::Turn {
        &self.handle
    }
}
