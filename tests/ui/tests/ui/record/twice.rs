#[cekura::span(record("my.key" = 1, my.key = 2))]
fn work() {}

fn main() {}
