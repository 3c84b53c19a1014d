trait Work {
    #[cekura::span]
    fn work(&self);
}

fn main() {}
