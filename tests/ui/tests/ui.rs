//! What the compiler says of mistakes in an attribute. After a change of a text:
//! `TRYBUILD=overwrite cargo test -p cekura-trace-ui`, then read it as somebody who sees it first.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*/*.rs");
}
