#[cekura::llm(record(kind = if *flag { return } else { 1 }))]
fn ask(flag: &bool) -> bool {
    *flag
}

fn main() {}
