#[cekura::span(record("" = 1, 5 = 2, my-key = 3, my. = 4))]
fn work() {}

fn main() {}
