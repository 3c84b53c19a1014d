#[cekura::llm("ask")]
fn ask() {}

#[cekura::tool_call("find_slot", id = "1")]
fn tool() {}

#[cekura::turn(name = "greeting")]
fn turn() {}

fn main() {}
