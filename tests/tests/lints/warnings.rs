//! Warnings that every function here deserves.
#![allow(dead_code)]

use cekura as _;
use std::future::Future;
use std::pin::Pin;

#[cfg_attr(annotated, cekura::span)]
pub fn unused(used: u8, unused: u8, mut mutable: u8, (left, right): (u8, u8)) -> u8 {
    used + left
}

#[cfg_attr(annotated, cekura::span(skip(skipped)))]
pub fn skipped(skipped: u8) {}

#[cfg_attr(annotated, cekura::span(skip_all))]
pub fn all_skipped(one: u8, mut two: u8) {}

#[cfg_attr(annotated, cekura::span)]
pub async fn in_async(used: u8, unused: String, mut mutable: u8) -> u8 {
    let local = 1;
    used + mutable
}

#[cfg_attr(annotated, cekura::span)]
pub fn in_boxed(unused: String) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async {})
}

#[cfg_attr(annotated, cekura::span)]
pub fn in_opaque(mut unused: String) -> impl Future<Output = ()> {
    async {}
}

/// Not that of `futures`, which is not here; the attribute cannot tell.
pub trait Stream {
    type Item;
}

#[cfg_attr(annotated, cekura::tts)]
pub fn in_parts(mut text: impl Stream<Item = String>) {}

#[cfg_attr(annotated, cekura::tts)]
pub async fn in_parts_later(text: Pin<Box<dyn Stream<Item = String>>>, mut voice: &str) {
    let text = voice;
}

#[cfg_attr(annotated, cekura::tts(text = text))]
pub fn in_named_parts(text: impl Stream<Item = String>, hints: Box<dyn Stream<Item = &'static str>>) {}

#[cfg_attr(annotated, cekura::span)]
pub fn shadowed(text: &str) -> usize {
    let text = "other";
    text.len()
}

#[cfg_attr(annotated, cekura::span)]
pub fn assigned(mut n: u8) {
    n = 1;
}

#[cfg_attr(annotated, cekura::span)]
pub fn never_read(n: u8) -> u8 {
    let mut last = n;
    last = 2;
    n
}

#[cfg_attr(annotated, cekura::span)]
pub fn unreachable(n: u8) -> u8 {
    return n;
    n + 1
}

#[cfg_attr(annotated, cekura::span)]
pub fn must_use(text: &str) -> Result<(), std::fmt::Error> {
    text.parse::<u8>();
    Ok(())
}

#[cfg_attr(annotated, cekura::span)]
pub async fn not_awaited(n: u8) {
    in_async(n, String::new(), n);
}

pub struct Agent(u8);

impl Agent {
    #[cfg_attr(annotated, cekura::span)]
    pub fn method(mut self, unused: &str) -> Self {
        self
    }

    #[cfg_attr(annotated, cekura::span)]
    pub async fn async_method(&self, unused: &str) -> u8 {
        let _unused = ();
        self.0
    }
}

pub trait Speak {
    #[cfg_attr(annotated, cekura::span)]
    fn provided(&self, unused: &str) -> u8 {
        1
    }
}

#[warn(dead_code)]
mod dead {
    #[cfg_attr(annotated, cekura::span)]
    fn never_called(n: u8) -> u8 {
        n
    }

    #[cfg_attr(annotated, cekura::span)]
    fn calls_itself(n: u8) -> u8 {
        if n == 0 { 0 } else { calls_itself(n - 1) }
    }
}

#[cfg_attr(annotated, cekura::span)]
pub fn on_one_line(n: u8) -> u8 { n }

#[cfg_attr(annotated, cekura::span)]
pub fn braces(n: u8) -> u8 {
    let n = { n };
    { n }
}

#[cfg_attr(annotated, cekura::span)]
pub fn wrongNames(wrongName: u8, Wrapper { innerName }: Wrapper) -> u8 {
    wrongName
}

pub struct Wrapper {
    #[allow(non_snake_case)]
    innerName: String,
}

#[cfg_attr(annotated, cekura::span)]
pub fn patterns(Wrapper { innerName: mut inner }: Wrapper, (_, unused): (String, String), _: String, ref r: String) {}

#[cfg_attr(annotated, cekura::span)]
pub async fn unused_self_and_hidden(_hidden: String, Agent(unused): Agent) {}

#[cfg_attr(annotated, cekura::span)]
pub async fn diverging_later(used: String) -> u8 {
    panic!("{used}")
}

#[cfg_attr(annotated, cekura::span)]
pub async fn todo_later(unused: String) -> Result<Agent, String> { todo!() }

#[cfg_attr(annotated, cekura::span)]
pub fn todo(unused: String) -> Vec<u8> {
    todo!()
}

#[cfg_attr(annotated, cekura::span)]
pub fn todo_closure(unused: String) -> impl Fn(u8) -> u8 {
    if true {
        todo!();
    }
    |n| n
}

#[cfg_attr(annotated, cekura::span)]
pub fn todo_future(unused: String) -> impl Future<Output = u8> {
    async { todo!() }
}

#[cfg_attr(annotated, cekura::span)]
pub async fn after_the_end(n: u8) -> u8 {
    return n;
    n
}
