#[cekura::span(record = 1)]
fn work() {}

#[cekura::span(record())]
fn more_work() {}

fn main() {}
