#[cekura::span(short_name = true, enter_on_poll = true, properties = { "k1": "v1", "argument": "{n}" })]
async fn stage(n: u8) {}

fn main() {}
