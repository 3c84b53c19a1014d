#[cekura::span(skip(_name))]
fn work(_name: &str) {}

fn main() {}
