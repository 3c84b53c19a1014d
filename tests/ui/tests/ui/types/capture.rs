#[cekura::conversation(capture = metadata)]
fn handle(metadata: bool) {}

fn main() {}
