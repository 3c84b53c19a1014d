#[cekura::span(parent = cx)]
fn work(cx: &str) {}

fn main() {}
