#[cekura::llm(output_tokens = |reply| *reply)]
fn ask() -> f64 {
    1.0
}

fn main() {}
