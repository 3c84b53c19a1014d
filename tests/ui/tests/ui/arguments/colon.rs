#[cekura::llm(model: "gpt-4o", provider = "openai", modle = 1)]
fn ask() {}

fn main() {}
