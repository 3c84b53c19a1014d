//! Arguments are dropped as without the attribute. Invariant: a fixture prints the same with and without its attributes, in
//! each edition.

use cekura_trace_tests::compiler::RUSTC;

fn dropped_alike(edition: &str) {
    let plain = RUSTC.run("drops/order.rs", &[edition, "--check-cfg=cfg(annotated)"]);
    let annotated = RUSTC.run("drops/order.rs", &[edition, "--check-cfg=cfg(annotated)", "--cfg=annotated"]);
    let (plain, annotated): (Vec<_>, Vec<_>) = (plain.lines().collect(), annotated.lines().collect());
    assert!(plain.contains(&"names: local _ b _guard a"), "{plain:#?}");
    assert_eq!(annotated.len(), plain.len());
    let differences: Vec<_> =
        plain.iter().zip(&annotated).filter(|(plain, annotated)| plain != annotated).collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn arguments_are_dropped_in_the_order_of_edition_2021() {
    dropped_alike("--edition=2021");
}

#[test]
fn arguments_are_dropped_in_the_order_of_edition_2024() {
    dropped_alike("--edition=2024");
}
