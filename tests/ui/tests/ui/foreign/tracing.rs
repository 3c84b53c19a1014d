#[cekura::llm(level = "debug", target = "agent", err, ret)]
fn ask() {}

#[cekura::tool_call(err(Debug), ret(level = "info"), err(level = Level::WARN))]
fn tool() {}

#[cekura::span(fields(user.id = 1, %name, ?call), follows_from = [a, b])]
fn stage() {}

fn main() {}
