#[cekura::stt(model = "nova", language = "en", model = "whisper")]
fn hear() {}

fn main() {}
