#[cekura::tool]
fn lookup() {}

#[cekura::LLM(model = "gpt-4o")]
fn ask() {}

fn main() {}
