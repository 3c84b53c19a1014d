#[cekura::turn]
#[cekura::llm(model = "gpt-4o")]
fn ask() {}

fn main() {}
