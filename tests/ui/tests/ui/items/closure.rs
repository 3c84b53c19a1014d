fn main() {
    let work = #[cekura::span]
    |n: u8| n + 1;
    work(1);
}
