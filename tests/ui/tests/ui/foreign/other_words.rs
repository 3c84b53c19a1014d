#[cekura::tts(voice_id = "ana", vendor = "cartesia")]
fn speak() {}

#[cekura::llm(prompt_tokens = |reply| reply.0, metadata = (), kind = "client", capture_output = false)]
fn ask() -> (u8,) {
    (1,)
}

#[cekura::conversation(id = "1", call_sid = "2", environment = "production", session = 1)]
fn answer() {}

#[cekura::llm(Model = "gpt-4o", input = prompt, max_output_tokens = 3, finishReason = "stop", response = "")]
fn think(prompt: &str) {
    let _ = prompt;
}

#[cekura::stt(lang = "en", text = "hello", FINAL = true)]
fn hear() {}

#[cekura::turn(index = 2)]
fn turn() {}

fn main() {}
