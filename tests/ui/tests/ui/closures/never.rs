#[cekura::conversation(record("last" = |last| last))]
fn serve() -> ! {
    loop {}
}

fn main() {}
