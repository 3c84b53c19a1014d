#[cekura::llm(error = "refused")]
fn ask() {}

#[cekura::llm(error = |reply| reply.is_empty())]
fn say() -> String {
    String::new()
}

fn main() {}
