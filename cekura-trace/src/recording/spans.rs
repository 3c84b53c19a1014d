//! Spans by hand: a builder, and the guard of an open span. Invariant: a span by hand ends in the same way as
//! the span of an annotated function.

mod builder;
mod kinds;
mod setters;

pub use super::parent::Parent;
pub use builder::{Builder, Guard, Kind};
pub use kinds::{
    Conversation, Llm, S2s, Stage, Stt, ToolCall, Tts, Turn, conversation, llm, s2s, span, stt, tool_call,
    tts, turn,
};
pub use setters::{Generator, Model, Voice};
