#[cekura::span(skip(naem))]
fn work(name: &str, (first, _): (u8, u8)) -> usize {
    name.len() + usize::from(first)
}

#[cekura::span(skip(name))]
fn rest() {}

fn main() {}
