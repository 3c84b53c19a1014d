#[cekura::turn(speed = 3)]
fn turn() {}

fn main() {}
