use futures::stream::{self, BoxStream, LocalBoxStream, Stream};
use std::pin::Pin;

#[cekura::llm]
fn ask() -> Pin<Box<dyn Stream<Item = u8> + Send>> {
    Box::pin(stream::empty())
}

#[cekura::tts]
fn speak() -> BoxStream<'static, u8> {
    Box::pin(stream::empty())
}

#[cekura::tts]
async fn later() -> Option<LocalBoxStream<'static, u8>> {
    Some(Box::pin(stream::empty()))
}

fn main() {}
