#[cekura::llm(model, provider =, temperature =)]
fn ask() {}

fn main() {}
