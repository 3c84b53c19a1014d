#[cekura::llm(temperature = |reply| reply.clone())]
fn ask() -> String {
    String::new()
}

fn main() {}
