#[cekura::llm(modle = "gpt-4o")]
fn ask() {}

fn main() {}
