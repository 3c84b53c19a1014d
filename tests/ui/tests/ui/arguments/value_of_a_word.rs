#[cekura::llm(skip_all = true)]
fn ask() {}

fn main() {}
