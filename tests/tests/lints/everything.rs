//! Functions of many kinds, for all that clippy can say of them.
#![allow(unused)]
use cekura as _;
use std::future::Future;
pub struct H; impl Future for H { type Output = u8; fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<u8> { std::task::Poll::Ready(1) } }
/// Spawns.
#[cfg_attr(annotated, cekura::span)]
pub async fn spawns(n: u8) -> H {
    drop(n);
    H
}
#[cfg_attr(annotated, cekura::span)]
pub async fn spawns_path() -> H { let h = H; h }
#[cfg_attr(annotated, cekura::span)]
pub fn two(a: u8, b: u8) -> u8 {
    a + b
}
#[cfg_attr(annotated, cekura::span)]
pub fn two_mut(mut a: u8, mut b: u8) -> [u8; 2] {
    a += 1;
    b += 1;
    [a, b]
}
#[cfg_attr(annotated, cekura::llm(model = "m", temperature = 0.5, record("k" = 5), max_tokens = 7))]
pub fn literals(a: i32) -> i32 {
    return a;
}
#[cfg_attr(annotated, cekura::span)]
pub async fn not_async(a: u8) -> u8 {
    a
}
#[cfg_attr(annotated, cekura::span)]
pub fn by_value(text: String, list: &Vec<u8>, boxed: Box<u8>) -> usize {
    text.len() + list.len() + usize::from(*boxed)
}
#[cfg_attr(annotated, cekura::span)]
fn could_be_const(a: u8) -> u8 {
    1
}
#[cfg_attr(annotated, cekura::span)]
pub fn lifetimes<'a>(a: &'a str) -> &'a str {
    a
}
#[cfg_attr(annotated, cekura::span)]
pub fn panics(a: Option<u8>) -> u8 {
    a.unwrap()
}
#[cfg_attr(annotated, cekura::span)]
pub fn fails(a: Option<u8>) -> Result<u8, String> {
    a.ok_or_else(|| String::new())
}
#[cfg_attr(annotated, cekura::span)]
pub fn complex(a: u8) -> u8 {
    if a == 1 { return 2; }
    let mut n = a;
    while n < 10 { if n == 3 { continue } else if n == 4 { break } n += 1; for i in 0..n { if i == 2 { return i } match i { 1 => {}, 2 => {}, 3 => {}, 4 => {}, 5 => {}, _ => {} } } }
    for i in 0..n { if i == 2 { return i } match i { 1 => {}, 2 => {}, 3 => {}, 4 => {}, 5 => {}, _ => {} } }
    for i in 0..n { if i == 2 { return i } if i == 3 && a == 2 || a == 5 { if a == 6 { if a == 7 { return 1 } } } match i { 1 => {}, 2 => {}, 3 => {}, 4 => {}, 5 => {}, _ => {} } }
    n
}
pub struct S { a: u8, s: String }
impl S {
    #[cfg_attr(annotated, cekura::span)]
    pub fn unused_self(&self, a: u8) -> u8 {
        let a = a + 1;
        a
    }
    #[cfg_attr(annotated, cekura::span)]
    pub fn taken(self, a: String) -> usize {
        self.s.len()
    }
    #[cfg_attr(annotated, cekura::span)]
    pub fn new(s: String) -> Self {
        Self { a: 1, s: s.clone() }
    }
    #[cfg_attr(annotated, cekura::span)]
    pub async fn wait(&self, _guard: String, (a, _b): (String, String)) -> Option<u8> {
        std::future::ready(()).await;
        let x = self.a as u32 as f32;
        Some(self.a)
    }
    #[cfg_attr(annotated, cekura::span)]
    pub async fn unit(&self) {
        std::future::ready(()).await
    }
}
#[cfg_attr(annotated, cekura::tool_call)]
pub fn opaque(a: String) -> impl Future<Output = u8> + Send {
    async move { a.len() as u8 }
}
#[cfg_attr(annotated, cekura::tool_call)]
pub fn boxed(a: String) -> std::pin::Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async move { a.len() as u8 })
}
#[cfg_attr(annotated, cekura::span)]
pub fn unit(a: u8) {
    drop(a)
}
pub trait Stream { type Item; fn all(self) -> Vec<Self::Item>; }
#[cfg_attr(annotated, cekura::tts)]
pub async fn parts(mut text: impl Stream<Item = String>, voice: &str) -> Vec<String> {
    let text = text.all();
    text
}
#[cfg_attr(annotated, cekura::tts(text = text))]
pub fn box_of_parts(text: Box<dyn Stream<Item = String>>, other: impl Stream<Item = &'static str> + Send) -> usize {
    other.all().len()
}

#[cfg_attr(annotated, cekura::span)]
pub async fn measures(least: usize) -> impl Fn(&str) -> bool {
    let least = std::future::ready(least).await;
    move |text| text.len() >= least
}

#[cfg_attr(annotated, cekura::span)]
pub async fn is_empty() -> impl Fn(&str) -> bool {
    |text| text.is_empty()
}
