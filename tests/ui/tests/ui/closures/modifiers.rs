#[cekura::llm(model = async |reply| reply, output = move |reply| reply)]
fn ask() -> String {
    String::new()
}

fn main() {}
