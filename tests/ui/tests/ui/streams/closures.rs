use futures::stream::{BoxStream, StreamExt};

struct Chunk {
    text: String,
}

#[cekura::llm(output = |chunk| &chunk.txt)]
fn ask() -> BoxStream<'static, Chunk> {
    futures::stream::empty().boxed()
}

#[cekura::llm(output = |chunk| format!("{prompt}{}", chunk.text))]
fn answer(prompt: &str) -> Result<BoxStream<'static, Chunk>, String> {
    Err(prompt.to_owned())
}

#[cekura::llm(stream = true)]
fn think() -> BoxStream<'static, Chunk> {
    futures::stream::empty().boxed()
}

#[cekura::llm(stream)]
fn hang() -> ! {
    std::process::exit(0)
}

fn main() {}
