#[cekura::stt(is_final = final_word)]
fn hear(final_word: &str) {}

fn main() {}
