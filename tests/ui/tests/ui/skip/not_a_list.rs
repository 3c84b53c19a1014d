#[cekura::span(skip = name)]
fn work(name: &str) -> usize {
    name.len()
}

#[cekura::span(skip)]
fn more_work(name: &str) -> usize {
    name.len()
}

#[cekura::span(skip("name", name.first, name, name))]
fn last_work(name: &str) -> usize {
    name.len()
}

fn main() {}
