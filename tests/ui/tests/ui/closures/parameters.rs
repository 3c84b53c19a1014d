#[cekura::llm(model = || "gpt-4o", output = |reply, usage| reply)]
fn ask() -> String {
    String::new()
}

fn main() {}
