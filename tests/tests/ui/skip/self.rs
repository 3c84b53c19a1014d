struct Agent;

impl Agent {
    #[cekura::span(skip(self))]
    fn work(&self) {}
}

fn main() {}
