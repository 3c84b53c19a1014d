#[cekura::turn(crate = "cekura")]
fn turn() {}

fn main() {}
