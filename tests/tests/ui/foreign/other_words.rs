#[cekura::tts(voice_id = "ana", vendor = "cartesia")]
fn speak() {}

#[cekura::llm(prompt_tokens = |reply| reply.0, metadata = (), kind = "client", capture_output = false)]
fn ask() -> (u8,) {
    (1,)
}

fn main() {}
