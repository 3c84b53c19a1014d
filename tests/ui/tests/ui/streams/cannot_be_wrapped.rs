use futures::stream::{self, Iter, Stream};
use std::vec::IntoIter;

#[cekura::llm(stream)]
fn ask() -> Iter<IntoIter<String>> {
    stream::iter(Vec::new())
}

#[cekura::llm(stream)]
async fn ask_for_no_stream() -> Result<String, String> {
    Ok(String::new())
}

#[cekura::tts(stream)]
fn speak() -> (impl Stream<Item = Vec<u8>>, u32) {
    (stream::empty(), 16_000)
}

fn main() {}
