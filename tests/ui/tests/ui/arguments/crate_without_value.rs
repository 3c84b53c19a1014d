#[cekura::turn(crate)]
fn turn() {}

fn main() {}
