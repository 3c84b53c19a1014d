//! Functions of which clippy says nothing; it shall say nothing of their expansions either.

use std::fmt::Display;
use std::future::{Future, ready};
use std::pin::Pin;

pub struct Usage {
    pub output: i64,
}

pub struct Reply {
    pub text: String,
    pub usage: Usage,
}

impl Reply {
    #[must_use]
    pub fn tokens(&self) -> i64 {
        self.usage.output
    }
}

pub struct Agent {
    model: String,
}

impl Agent {
    /// # Errors
    ///
    /// None.
    #[cfg_attr(annotated, cekura::llm(
        provider = "openai",
        model = self.model,
        temperature = 0.2,
        output_tokens = |reply| reply.usage.output,
        input_tokens = |reply| reply.tokens(),
        output = |reply: &Reply| reply.text.clone(),
        record("twice" = prompt.len() * 2, text = |reply| &reply.text, part = |reply| reply.text),
    ))]
    pub async fn ask(&self, prompt: &str, _history: &[String]) -> Result<Reply, std::io::Error> {
        ready(()).await;
        Ok(Reply { text: format!("{prompt} {}", self.model), usage: Usage { output: 1 } })
    }

    #[cfg_attr(annotated, cekura::stt(confidence = 0.5, is_final = true, transcript = |text| text))]
    #[must_use]
    pub fn hear(&self, audio: &[i16]) -> Option<String> {
        const LIMIT: usize = 4;
        let (true, model) = (audio.len() > LIMIT, &self.model) else {
            return None;
        };
        Some(model.clone())
    }

    #[cfg_attr(annotated, cekura::turn(number = i64::from(number), skip(number)))]
    pub fn turn(&mut self, number: u8) {
        self.model.clear();
        if number > 1 {
            self.model.push('!');
        }
    }

    #[cfg_attr(annotated, cekura::span)]
    pub fn returns_unit(&self) {
        let _ = self.model.len();
    }

    #[cfg_attr(annotated, cekura::span)]
    #[must_use]
    pub fn consumes(mut self, (first, mut second): (u8, u8), mut third: String) -> String {
        second += first;
        self.model.push(char::from(second));
        third.push_str(&self.model);
        third
    }

    #[cfg_attr(annotated, cekura::tts)]
    #[must_use]
    pub fn speak<'a>(&'a self, text: &'a str) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
        Box::pin(async move { ready(text.len() + self.model.len()).await })
    }

    #[cfg_attr(annotated, cekura::tool_call(name = "look up", id = 7))]
    pub fn look_up(&self, city: impl Display) -> impl Future<Output = Option<String>> {
        let city = city.to_string();
        async move { Some(city).filter(|city| city.len() > 3) }
    }
}

/// # Panics
///
/// Always.
#[cfg_attr(annotated, cekura::conversation(call_id = id, capture = cekura::CaptureContent::Metadata))]
pub fn never(id: u64) -> ! {
    panic!("{id}")
}

#[cfg_attr(annotated, cekura::span)]
pub async fn items(list: &[u8]) -> usize {
    use std::collections::BTreeSet;
    fn double(n: u8) -> u16 {
        u16::from(n) * 2
    }
    let set: BTreeSet<u16> = list.iter().copied().map(double).collect();
    ready(set.len()).await
}

/// Not that of `futures`, which is not here; the attribute cannot tell.
pub trait Stream {
    type Item;

    fn all(self) -> Vec<Self::Item>;
}

#[cfg_attr(annotated, cekura::tts)]
#[must_use]
pub fn speak_parts(text: impl Stream<Item = String>, voice: &str) -> usize {
    text.all().concat().len() + voice.len()
}

#[cfg_attr(annotated, cekura::tts(text = text))]
pub async fn speak_more(text: Box<dyn Fn() -> u8 + Send>, mut parts: Vec<u8>) -> usize {
    parts.push(text());
    ready(parts.len()).await
}

/// # Safety
///
/// `at` is valid.
#[cfg_attr(annotated, cekura::span)]
#[must_use]
pub unsafe fn deref(at: *const u8) -> u8 {
    // SAFETY: the caller says so.
    unsafe { *at }
}

/// Rolls back when it is dropped, unless it was committed.
pub struct Transaction {
    pub committed: bool,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        assert!(self.committed, "rolled back");
    }
}

impl Transaction {
    /// Keeps what was done.
    #[cekura::span]
    pub fn commit(mut self) {
        self.committed = true;
    }

    /// The same, later.
    #[cekura::span]
    pub async fn commit_later(mut self) {
        std::future::ready(()).await;
        self.committed = true;
    }
}

/// Whether a text is long enough.
#[cekura::span]
pub async fn measures(least: usize) -> impl Fn(&str) -> bool {
    let least = std::future::ready(least).await;
    move |text| text.len() >= least
}

/// Whether a text is empty.
#[cekura::span]
pub async fn is_empty() -> impl Fn(&str) -> bool {
    |text| text.is_empty()
}
