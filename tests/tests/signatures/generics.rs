//! Generic functions, and qualified ones.

use super::*;

#[cekura::span]
fn generic<T>(value: T) -> T {
    value
}

#[cekura::span]
fn bounded<T: Debug + Clone, const N: usize>(value: &T) -> [T; N]
where
    T: Default,
{
    std::array::from_fn(|_| value.clone())
}

#[cekura::span]
fn higher_ranked<F>(f: F) -> usize
where
    F: for<'a> Fn(&'a str) -> &'a str,
{
    f("text").len()
}

#[cekura::span]
async fn generic_async<T: Into<String>>(text: T) -> String {
    text.into()
}

// Qualifiers.

#[cekura::span]
unsafe fn deref(at: *const u8) -> u8 {
    // SAFETY: the callers in this file point at a `u8`.
    unsafe { *at }
}

#[cekura::span]
extern "C" fn for_c(n: i32) -> i32 {
    n + 1
}

#[cekura::span]
unsafe extern "C" fn unsafe_for_c(n: i32) -> i32 {
    n + 2
}

#[cekura::span]
async unsafe fn unsafe_async(at: *const u8) -> u8 {
    // SAFETY: as above.
    unsafe { *at }
}

#[cekura::span]
pub(crate) fn visible() -> u8 {
    #![allow(unused_variables)]
    #![allow(clippy::unreadable_literal)]
    let unused = 1000000;
    1
}

#[inline(never)]
#[must_use]
#[cekura::span]
#[deprecated]
fn attributes_around() -> u8 {
    /// Items may stand at the start of a body.
    fn inner() -> u8 {
        const CALLSITE: u8 = 4;
        CALLSITE
    }
    use std::string::String as Text;
    let _: Text = Text::new();
    inner()
}

/// Calls every function; gives the number of spans it should have made.
pub(crate) fn run() -> usize {
    assert_eq!(generic(Failed("any")), Failed("any"));
    assert_eq!(bounded::<u8, 2>(&1), [1, 1]);
    assert_eq!(higher_ranked(|text| &text[1..]), 3);
    assert_eq!(block_on(generic_async("a")), "a");
    // SAFETY: the reference is valid.
    assert_eq!(unsafe { deref(&3) }, 3);
    assert_eq!(for_c(1), 2);
    // SAFETY: it has no condition.
    assert_eq!(unsafe { unsafe_for_c(1) }, 3);
    // SAFETY: the reference is valid.
    assert_eq!(block_on(unsafe { unsafe_async(&5) }), 5);
    assert_eq!(visible(), 1);
    #[allow(deprecated)]
    let around = attributes_around();
    assert_eq!(around, 4);
    10
}
