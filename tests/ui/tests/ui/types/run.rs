#[cekura::conversation(run = headers.get("X-Run-Id"))]
fn answer(headers: &std::collections::HashMap<String, String>) {}

fn main() {}
