//! No prelude, and every name that generated code could lean on means something else here. Neither serde nor
//! opentelemetry is among this crate's dependencies.
#![no_implicit_prelude]

mod alloc {}
mod cekura {}
mod core {}
mod serde {}
mod std {}
struct Box;
struct Callsite;
struct Future;
struct Option;
struct Result;
struct Span;
struct String;
trait Deref {}
trait Drop {}
trait FnOnce {}
trait Into {}
trait Send {}
#[allow(non_snake_case)]
fn Err() {}
#[allow(non_snake_case)]
fn None() {}
#[allow(non_snake_case)]
fn Ok() {}
#[allow(non_snake_case)]
fn Some() {}
fn drop() {}
fn never() {}
fn outcome() {}
fn value() {}
#[allow(unused_macros)]
macro_rules! panic {
    () => {};
}
#[allow(unused_macros)]
macro_rules! unreachable {
    () => {};
}

type Answer<'a> = ::std::result::Result<::std::option::Option<&'a str>, ::std::fmt::Error>;

#[::cekura::conversation(call_id = call_id)]
pub async fn conversation(call_id: u64, span: &str) -> Answer<'_> {
    turn(span).await
}

#[::cekura::turn(number = 3)]
async fn turn(returned: &str) -> Answer<'_> {
    stt(returned)
}

#[::cekura::stt(transcript = |span| *span, record("length" = value.len()))]
fn stt(value: &str) -> Answer<'_> {
    ::std::result::Result::Ok(::std::option::Option::Some(tts(value, 1, 2)))
}

#[::cekura::tts]
fn tts(attributes: &str, outcome: u8, span: u8) -> &str {
    let _ = [outcome, span];
    attributes
}

#[::cekura::llm(output_tokens = |returned| *returned)]
pub fn boxed(span: u32) -> ::std::pin::Pin<::std::boxed::Box<dyn ::std::future::Future<Output = u32>>> {
    ::std::boxed::Box::pin(async move { span })
}

#[::cekura::s2s]
pub fn opaque(span: u32) -> impl ::std::future::Future<Output = u32> {
    ::std::future::ready(span)
}

#[::cekura::span]
pub fn diverges() -> ! {
    loop {}
}

#[allow(dead_code)]
fn used(_: (Box, Callsite, Future, Option, Result, Span, String), _: &dyn Deref, _: &dyn Drop, _: &dyn FnOnce) {
    Err();
    None();
    Ok();
    Some();
    drop();
    never();
    outcome();
    value();
}

pub trait Stream {}
impl Stream for u8 {}

#[::cekura::span]
pub fn connect() -> impl Stream {
    1u8
}

#[::cekura::span]
pub async fn connect_later() -> ::std::result::Result<impl Stream, ::std::fmt::Error> {
    ::std::result::Result::Ok(1u8)
}
