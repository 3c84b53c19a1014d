//! stub
#[derive(Default)]
pub(crate) struct Shapes;
#[derive(Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) input_tokens: Option<i64>,
    pub(crate) output_tokens: Option<i64>,
    pub(crate) cache_read_input_tokens: Option<i64>,
    pub(crate) cache_creation_input_tokens: Option<i64>,
    pub(crate) reasoning_output_tokens: Option<i64>,
    pub(crate) audio_input_tokens: Option<i64>,
    pub(crate) audio_output_tokens: Option<i64>,
    pub(crate) model: Option<String>,
    pub(crate) response_id: Option<String>,
    pub(crate) finish_reasons: Vec<String>,
    pub(crate) text: Option<String>,
    pub(crate) transcript: Option<String>,
    pub(crate) confidence: Option<f64>,
    pub(crate) language: Option<String>,
    pub(crate) is_final: Option<bool>,
}
impl Shapes {
    pub(crate) fn found(self) -> Found {
        Found::default()
    }
}
