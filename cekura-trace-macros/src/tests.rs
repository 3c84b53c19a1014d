//! Compares generated code with snapshots that were read and found good. After a change, `UPDATE_EXPECT=1 cargo
//! test -p cekura-trace-macros` writes them anew; read them again.

use crate::annotate;
use crate::args::SpanName;
use expect_test::Expect;
use proc_macro2::TokenStream;
use std::str::FromStr;
use syn::{ItemFn, ReturnType};

mod arbitrary;
mod arguments;
mod borrows;
mod mistakes;
mod shapes;
mod signatures;
mod streams;

/// Expands `item` under `#[cekura::name(args)]`, and counts the lines that come with it.
#[track_caller]
fn check(name: SpanName, args: &str, item: &str, expected: &Expect) {
    let expanded = expand(name, args, item);
    expected.assert_eq(&expanded);

    let added = expanded.lines().count() - print(tokens(item)).lines().count();
    let is_call = |line: &&str| {
        let line = line.trim();
        (line.starts_with("__sp.") || line == "__sp")
            && !["__sp.returned", "__sp.__record("].iter().any(|it| line.contains(it))
    };
    let recorded = expanded.lines().filter(is_call).count();
    let closures = expanded.matches(".apply(__ret").count();
    // An argument that the attribute names counts as used, and the braces of one expression are meant.
    let lints = expanded.matches("#[allow(").count() - item.matches("#![allow(").count();
    let allowed = 27 + recorded + lints + 4 * closures + return_type_lines(item);
    assert!(added <= allowed, "{added} lines are added, {allowed} are allowed");
}

fn expand(name: SpanName, args: &str, item: &str) -> String {
    print(annotate(name, tokens(args), tokens(item)))
}

/// How many lines beyond one the return type takes, which stands in the expansion once more.
fn return_type_lines(item: &str) -> usize {
    let item: ItemFn = syn::parse_str(item).expect("a function");
    let ReturnType::Type(_, returns) = item.sig.output else { return 0 };
    print(quote::quote!(fn f() { move || -> #returns {} })).lines().count() - 3
}

fn tokens(code: &str) -> TokenStream {
    TokenStream::from_str(code).expect("the test's own code")
}

fn print(tokens: TokenStream) -> String {
    prettyplease::unparse(&syn::parse2(tokens).expect("items"))
}
