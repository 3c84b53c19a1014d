#[cekura::llm(modle = 1, provider, skip(promt), model = |a, b| a, temperature = "0", model = 2)]
async fn ask(prompt: &str) -> String {
    prompt.to_owned()
}

// The function is still there, so that its callers have no errors of their own.
async fn caller() -> usize {
    ask("text").await.len()
}

fn main() {}
