#[cekura::llm(voice = "alloy", transcript = |text| text, number = 1)]
fn ask() -> String {
    String::new()
}

fn main() {}
