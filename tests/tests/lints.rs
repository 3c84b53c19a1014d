//! An annotated function gets the warnings and errors that it gets without its attribute, at the same places.
//!
//! Each file is compiled twice: its attributes are there only with `--cfg annotated`.

use cekura_trace_tests::compiler::{Compiler, Message, RUSTC, shown};

const CLIPPY: Compiler = Compiler { tool: "clippy-driver", ..RUSTC };
const PLAIN: &[&str] = &["--edition=2024", "--check-cfg=cfg(annotated)"];
const ANNOTATED: &[&str] = &["--edition=2024", "--check-cfg=cfg(annotated)", "--cfg=annotated"];
const PEDANTIC: &[&str] = &[
    "--edition=2024",
    "--check-cfg=cfg(annotated)",
    "--cfg=annotated",
    "-Wclippy::all",
    "-Wclippy::pedantic",
];

#[track_caller]
fn warned_alike(compiler: &Compiler, file: &str, more: &[&str]) -> Vec<Message> {
    let [without, with] = [PLAIN, ANNOTATED].map(|options| compiler.check(file, &[options, more].concat()));
    let seen = |messages: &[Message]| -> Vec<_> {
        let seen = messages.iter().map(|message| (message.at, message.code.clone(), message.text.clone()));
        let mut seen: Vec<_> = seen.collect();
        seen.sort();
        seen
    };
    assert_eq!(seen(&with), seen(&without));
    without
}

#[test]
fn arguments_keep_their_attributes() {
    let without = warned_alike(&RUSTC, "lints/attributes.rs", &[]);
    assert!(without.iter().any(|message| message.code == "unfulfilled_lint_expectations"));
}

#[test]
fn warnings_are_the_same() {
    let without = warned_alike(&RUSTC, "lints/warnings.rs", &[]);
    for lint in [
        "dead_code",
        "non_snake_case",
        "unreachable_code",
        "unused_assignments",
        "unused_braces",
        "unused_mut",
        "unused_must_use",
        "unused_variables",
    ] {
        assert!(without.iter().any(|message| message.code == lint), "{lint}");
    }
}

/// Checks that each error comes once, on the line on which it comes without the attribute.
#[track_caller]
fn errors_are_the_same(file: &str, functions: usize) {
    let without = RUSTC.check(file, PLAIN);
    let with = RUSTC.check(file, ANNOTATED);
    let seen = |messages: &[Message]| -> Vec<_> {
        messages.iter().map(|message| (message.at.0, message.code.clone())).collect()
    };
    assert_eq!(seen(&with), seen(&without), "{}", shown(&with));
    assert_eq!(without.len(), functions, "{}", shown(&without));
}

#[test]
fn type_errors_come_once_and_at_the_users_code() {
    errors_are_the_same("lints/type_errors.rs", 15);
}

#[test]
fn borrow_errors_come_once_and_at_the_users_code() {
    errors_are_the_same("lints/borrow_errors.rs", 7);
}

#[test]
fn clippy_says_nothing_of_an_expansion() {
    if !CLIPPY.is_there() {
        return;
    }
    let messages = CLIPPY.check("lints/clean.rs", PEDANTIC);
    assert!(messages.is_empty(), "{}", shown(&messages));
    assert!(!CLIPPY.check("lints/warnings.rs", PEDANTIC).is_empty(), "clippy looks at expansions");
}

#[test]
fn clippy_says_nothing_new_in_any_group() {
    const GROUPS: [&str; 5] = [
        "-Wclippy::all",
        "-Wclippy::pedantic",
        "-Wclippy::nursery",
        "-Wclippy::restriction",
        "-Aclippy::blanket_clippy_restriction_lints",
    ];
    if !CLIPPY.is_there() {
        return;
    }
    let [without, with] =
        [PLAIN, ANNOTATED].map(|options| CLIPPY.check("lints/everything.rs", &[options, &GROUPS].concat()));
    let is_new = |message: &&Message| {
        !without.iter().any(|other| (other.at, &other.code) == (message.at, &message.code))
    };
    let new: Vec<_> = with.iter().filter(is_new).map(|message| &message.shown).collect();
    assert!(new.is_empty(), "{new:#?}");
    assert!(
        without.iter().any(|message| message.code == "clippy::implicit_return"),
        "clippy looks at all groups"
    );
}
