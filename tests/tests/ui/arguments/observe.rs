#[cekura::conversation(observe)]
fn handle() {}

fn main() {}
