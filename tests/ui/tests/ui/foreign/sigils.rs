#[cekura::llm(model = %model, provider = ?model, %model, ?model)]
fn ask(model: &str) {}

#[cekura::span(record(%name, ?name, "a" = %name, b = ?name))]
fn stage(name: &str) {}

fn main() {}
