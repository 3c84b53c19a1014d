//! Errors that every body here deserves, each once.

use cekura as _;
use std::future::Future;
use std::pin::Pin;

#[cfg_attr(annotated, cekura::span)]
pub fn tail(n: u8) -> String {
    n
}

#[cfg_attr(annotated, cekura::span)]
pub fn unit() {
    5
}

#[cfg_attr(annotated, cekura::span)]
pub fn no_tail(n: u8) -> u8 {
    n;
}

#[cfg_attr(annotated, cekura::span)]
pub fn empty(n: u8) -> u8 {}

#[cfg_attr(annotated, cekura::span)]
pub fn early(n: u8) -> u8 {
    if n == 0 {
        return "zero";
    }
    n
}

#[cfg_attr(annotated, cekura::span)]
pub fn question(text: &str) -> Result<u8, String> {
    Ok(text.parse()?)
}

#[cfg_attr(annotated, cekura::span)]
pub fn question_without_result(text: &str) -> u8 {
    text.parse()?
}

#[cfg_attr(annotated, cekura::span)]
pub fn unknown(n: u8) -> u8 {
    m
}

#[cfg_attr(annotated, cekura::span)]
pub fn no_method(n: u8) -> u8 {
    n.push(1)
}

#[cfg_attr(annotated, cekura::span)]
pub async fn async_tail(n: u8) -> String {
    n
}

#[cfg_attr(annotated, cekura::span)]
pub async fn async_unit(n: u8) {
    n
}

#[cfg_attr(annotated, cekura::span)]
pub async fn async_early(n: u8) -> u8 {
    if n == 0 {
        return "zero";
    }
    n
}

#[cfg_attr(annotated, cekura::span)]
pub async fn async_question(text: &str) -> Result<u8, String> {
    Ok(text.parse()?)
}

#[cfg_attr(annotated, cekura::span)]
pub fn boxed(n: u8) -> Pin<Box<dyn Future<Output = String>>> {
    n
}

#[cfg_attr(annotated, cekura::span)]
pub fn opaque() -> impl Future<Output = u8> {
    async { let n: u8 = "text"; n }
}
