#[cekura::span("network_in")]
fn receive() {}

fn main() {}
