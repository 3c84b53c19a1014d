//! As `ours`, with an allocator that counts, which the other questions would be slower with.

fn main() {
    worker::serve(&ours::CONTENDERS, Some(|work| allocation_counter::measure(work).count_total));
}
