#[cekura::llm(model = "gpt-4o" provider = "openai")]
fn ask() {}

fn main() {}
