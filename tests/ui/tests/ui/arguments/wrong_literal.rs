#[cekura::llm(temperature = "hot", max_tokens = 1.5, input_tokens = "many")]
fn ask() {}

#[cekura::stt(is_final = 1, confidence = true)]
fn hear() {}

#[cekura::conversation(capture = "metadata", client = true, parent = 1, link_headers = "traceparent", run = "1")]
fn handle() {}

fn main() {}
