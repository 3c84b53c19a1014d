#[cekura::span(skip_all, skip(name))]
fn work(name: &str) -> usize {
    name.len()
}

fn main() {}
