#[cekura::span(record("my.key", other.key =, last("x")))]
fn work() {}

fn main() {}
