//! Annotated functions of many signatures compile, do what they did before, and make one span for each call.

#[path = "signatures/plain.rs"]
mod plain;

#[test]
fn every_call_is_one_span() {
    let mut expected = 0;
    let trace = cekura::testing::capture(|| expected = plain::run());
    assert_eq!(trace.spans().len(), expected, "{trace}");
}

#[test]
fn without_a_destination_the_functions_do_the_same() {
    assert_ne!(plain::run(), 0);
}
