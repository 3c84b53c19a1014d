trait Stream {
    type Item;
}

impl Stream for u8 {
    type Item = u8;
}

#[cekura::llm]
fn ask() -> impl Stream<Item = u8> {
    1
}

#[cekura::llm]
async fn ask_later() -> Result<impl Stream<Item = u8>, String> {
    Ok(1)
}

fn main() {}
