//! Arguments with attributes of their own.
#![warn(unused, unfulfilled_lint_expectations)]

use cekura as _;

#[cfg_attr(annotated, cekura::span)]
pub fn allowed(#[allow(unused_variables)] a: u64, #[allow(unused_mut)] mut b: String) -> usize {
    b.len()
}

#[cfg_attr(annotated, cekura::span)]
pub fn expected(#[expect(unused_variables)] a: u64, #[expect(unused_mut)] mut b: String) -> usize {
    b.len()
}

#[cfg_attr(annotated, cekura::span)]
pub async fn expected_later(#[expect(unused_variables)] a: String, #[expect(unused_variables)] (b, c): (String, u8)) -> u8 {
    c
}

#[cfg_attr(annotated, cekura::span)]
pub fn wrongly(#[expect(unused_variables)] used: u64, #[expect(unused_mut, unused_variables)] mut text: String) -> u64 {
    text.push('!');
    used + text.len() as u64
}

#[cfg_attr(annotated, cekura::span)]
pub fn conditional(#[cfg(absent)] a: Nothing, #[cfg(not(absent))] b: String, #[cfg_attr(all(), allow(unused))] c: u8) -> usize {
    b.len()
}

#[cfg_attr(annotated, cekura::span(record(length = a.len())))]
pub fn named(#[allow(unused_mut)] mut a: String, unused: u8) {
    drop(a);
}

#[cfg_attr(annotated, cekura::span)]
pub fn unnamed(#[allow(unused_variables)] _: String, #[warn(unused_variables)] d: String) {}
