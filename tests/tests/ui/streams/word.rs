#[cekura::llm(stream)]
fn ask() -> Vec<u8> {
    vec![]
}

fn main() {}
