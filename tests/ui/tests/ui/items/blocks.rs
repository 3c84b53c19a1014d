struct Agent;

#[cekura::span]
impl Agent {
    fn work(&self) {}
}

#[cekura::span]
unsafe trait Work {
    fn work(&self);
}

#[cekura::span]
mod work {}

#[cekura::span]
unsafe extern "C" {}

#[cekura::span]
pub use std::fmt;

#[cekura::span]
static NUMBER: u8 = 1;

#[cekura::span]
#[macro_export]
macro_rules! work { () => {} }

fn main() {}
