#[cekura::llm = "gpt-4o"]
fn ask() {}

fn main() {}
