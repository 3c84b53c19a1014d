struct Agent;

#[cekura::span(debug(agent))]
fn work(agent: &Agent) {}

fn main() {}
