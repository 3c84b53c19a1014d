fn main() {
    #[cekura::span]
    let n = 1;
}
