#[cekura::span]
struct Agent;

#[cekura::span]
enum Role {}

#[cekura::span]
type Alias = Agent;

#[cekura::span]
pub(crate) union Bits {
    one: u8,
}

fn main() {}
