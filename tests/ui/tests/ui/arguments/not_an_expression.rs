#[cekura::llm(model = struct, temperature = 0.5 +)]
fn ask() {}

fn main() {}
