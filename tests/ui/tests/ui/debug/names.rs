struct Agent;

impl Agent {
    #[cekura::span(debug(self, _name, naem, name, name, hidden), skip(hidden))]
    fn work(&self, _name: &str, name: &str, hidden: u8) {}
}

#[cekura::span(skip_all, debug(name))]
fn stage(name: &str) {}

#[cekura::tool_call(arguments = name, debug(name))]
fn tool(name: &str) {}

#[cekura::span(debug = name)]
fn last(name: &str) {}

fn main() {}
