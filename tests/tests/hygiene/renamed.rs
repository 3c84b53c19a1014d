//! The crate has another name here.

#[recorder::llm(crate = recorder, output_tokens = |answer| answer.len(), skip(prompt))]
pub async fn ask(prompt: &str, n: u8) -> String {
    format!("{prompt}{n}")
}

pub mod again {
    pub use recorder as inner;
}

#[recorder::tool_call(crate = crate::again::inner)]
pub fn find(day: &str) -> Result<u8, std::num::ParseIntError> {
    day.parse()
}
