#[cekura::llm(model = drop(name))]
fn ask(name: String) -> String {
    name
}

fn main() {}
