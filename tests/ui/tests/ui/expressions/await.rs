#[cekura::llm(model = model().await)]
async fn ask() {}

async fn model() -> String {
    String::new()
}

fn main() {}
