//! Generated code compiles wherever an annotated function may stand.
//!
//! The fixtures are compiled with this crate as their only dependency.

use cekura_trace_tests::compiler::{Compiler, RUSTC, shown};

#[test]
fn without_a_prelude_and_with_every_name_taken() {
    for edition in ["--edition=2021", "--edition=2024"] {
        let messages = RUSTC.check("hygiene/no_prelude.rs", &[edition, "-Aunused"]);
        assert!(messages.is_empty(), "{edition}: {}", shown(&messages));
    }
}

#[test]
fn with_traits_and_items_of_the_same_names() {
    for edition in ["--edition=2021", "--edition=2024"] {
        let messages = RUSTC.check("hygiene/traits.rs", &[edition, "-Aunused"]);
        assert!(messages.is_empty(), "{edition}: {}", shown(&messages));
    }
}

#[test]
fn out_of_a_macro() {
    for edition in ["--edition=2021", "--edition=2024"] {
        let messages = RUSTC.check("hygiene/macros.rs", &[edition, "-Aunused_must_use"]);
        assert!(messages.is_empty(), "{edition}: {}", shown(&messages));
    }
}

#[test]
fn twenty_five_async_functions_deep() {
    let messages = RUSTC.check("hygiene/nested.rs", &["--edition=2024"]);
    assert!(messages.is_empty(), "{}", shown(&messages));
}

#[test]
fn under_another_name() {
    let renamed = Compiler { library: "recorder", ..RUSTC };
    let messages = renamed.check("hygiene/renamed.rs", &["--edition=2024"]);
    assert!(messages.is_empty(), "{}", shown(&messages));
}

#[test]
fn every_signature_in_edition_2021() {
    let messages = RUSTC.check("signatures/plain.rs", &["--edition=2021", "-Aunused"]);
    let errors: Vec<_> = messages.into_iter().filter(|message| message.is_error).collect();
    assert!(errors.is_empty(), "{}", shown(&errors));
}
