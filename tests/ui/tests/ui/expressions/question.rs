#[cekura::llm(model = model()?)]
fn ask() -> Option<String> {
    model()
}

fn model() -> Option<String> {
    None
}

fn main() {}
