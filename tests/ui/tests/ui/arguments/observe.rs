#[cekura::conversation(observe = true)]
fn handle() {}

#[cekura::turn(observe)]
fn turn() {}

fn main() {}
