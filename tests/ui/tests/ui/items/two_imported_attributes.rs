use cekura::llm as model;
use cekura::{llm, turn};

#[turn]
#[llm]
fn imported() -> u8 {
    1
}

#[turn]
#[model(model = "gpt-4o")]
async fn renamed(prompt: &str) -> usize {
    prompt.len()
}

#[cekura::turn]
#[cfg_attr(all(), cekura::llm)]
fn conditional() {}

struct Agent;

impl Agent {
    #[turn]
    #[llm]
    fn method(&self) -> std::pin::Pin<Box<dyn Future<Output = u8> + '_>> {
        Box::pin(async { 1 })
    }
}

// They are still there, so that their callers have no errors of their own.
async fn caller() {
    let _: (u8, usize, u8) = (imported(), renamed("text").await, Agent.method().await);
    conditional();
}

fn main() {}
