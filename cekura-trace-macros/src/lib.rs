//! Attribute macros: the function under an attribute is written out again, with calls to `cekura::__private`
//! that record its span. Invariant: this crate writes calls and knows nothing else of spans.
#![forbid(unsafe_code)]
#![expect(missing_docs, reason = "the documentation sits on the re-exports in cekura-trace")]

use args::{Args, SpanName};
use diagnostics::Diagnostics;
use function::Function;
use plan::Plan;
use proc_macro::TokenStream;

mod args;
mod diagnostics;
mod expand;
mod function;
mod plan;
#[cfg(test)]
mod tests;

#[proc_macro_attribute]
pub fn conversation(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(SpanName::Conversation, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn llm(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(SpanName::Llm, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn s2s(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(SpanName::S2s, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn span(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(SpanName::Span, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn stt(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(SpanName::Stt, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn tool_call(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(SpanName::ToolCall, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn tts(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(SpanName::Tts, args.into(), item.into()).into()
}

#[proc_macro_attribute]
pub fn turn(args: TokenStream, item: TokenStream) -> TokenStream {
    annotate(SpanName::Turn, args.into(), item.into()).into()
}

/// Names that are written by mistake: the compiler's own error would not say which attribute is meant. They are few,
/// because `use cekura::*` brings them into the program.
macro_rules! misnamed {
    ($($(#[$lint:meta])* $name:ident => $meant:literal,)*) => {
        $(
            #[proc_macro_attribute]
            $(#[$lint])*
            pub fn $name(_: TokenStream, item: TokenStream) -> TokenStream {
                let mut mistakes = Diagnostics::default();
                let message = concat!("there is no `", stringify!($name), "`: write `#[cekura::", $meant, "]`");
                mistakes.push(syn::Error::new(proc_macro2::Span::call_site(), message));
                mistakes.beside(item.into()).into()
            }
        )*
    };
}

misnamed! {
    #[expect(non_snake_case, reason = "as it is written")]
    LLM => "llm",
    #[expect(non_snake_case, reason = "as it is written")]
    S2S => "s2s",
    #[expect(non_snake_case, reason = "as it is written")]
    STT => "stt",
    #[expect(non_snake_case, reason = "as it is written")]
    TTS => "tts",
    tool => "tool_call",
    toolcall => "tool_call",
}

fn annotate(
    name: SpanName,
    args: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    let mut mistakes = Diagnostics::default();
    let args = Args::parse(name, args, &mut mistakes);
    let function = Function::parse(item.clone(), &mut mistakes);
    match function.and_then(|function| Plan::new(args, function, &mut mistakes)) {
        Some(plan) if mistakes.is_empty() => expand::expand(&plan),
        // One expression may stand for another, so a closure goes.
        _ if function::is_closure(&item) => mistakes.beside(proc_macro2::TokenStream::new()),
        _ => mistakes.beside(item),
    }
}
