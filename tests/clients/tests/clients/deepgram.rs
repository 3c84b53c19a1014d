//! deepgram: recorded and live speech, Flux, and the agent's events.

use cekura::testing::capture;
use cekura_trace_tests::vendors::{ALL, item, items, s2s_stream, said, stt, stt_stream};
use deepgram::DeepgramError;
use deepgram::agent::AgentResponse;
use deepgram::common::batch_response::Response;
use deepgram::common::flux_response::FluxResponse;
use deepgram::common::stream_response::StreamResponse;
use futures::executor::{block_on, block_on_stream};
use futures::stream::{self, Stream, StreamExt};
use serde_json::Value;

#[test]
fn recorded_speech() {
    #[cekura::stt]
    async fn hear() -> Result<Response, DeepgramError> {
        Ok(item("deepgram-prerecorded"))
    }
    let wire = said(&stt(item::<Value>("deepgram-prerecorded")));
    assert_eq!(said(&capture(|| block_on(hear()).unwrap())), wire);
}

#[test]
fn live_speech() {
    #[cekura::stt]
    fn hear() -> impl Stream<Item = Result<StreamResponse, DeepgramError>> {
        stream::iter(items::<StreamResponse>("deepgram-live")).map(Ok)
    }
    let wire = said(&stt_stream(items::<Value>("deepgram-live"), ALL));
    assert_eq!(said(&capture(|| block_on_stream(hear()).for_each(drop))), wire);
    // Nothing is cut off behind a final transcript.
    let taken = |count| capture(|| block_on_stream(hear()).take(count).for_each(drop));
    assert!(!taken(7).spans()[0].is_interrupted() && taken(6).spans()[0].is_interrupted());
    let heard = said(&taken(6));
    assert!(heard.contains(&"stt.transcript = When do you close on Sun".to_owned()), "{heard:#?}");
}

#[test]
fn flux() {
    let wire = said(&stt_stream(items::<Value>("deepgram-flux"), ALL));
    assert_eq!(said(&stt_stream(items::<FluxResponse>("deepgram-flux"), ALL)), wire);
}

#[test]
fn agent() {
    let wire = said(&s2s_stream(items::<Value>("deepgram-agent"), ALL));
    assert_eq!(said(&s2s_stream(items::<AgentResponse>("deepgram-agent"), ALL)), wire);
    let wire = said(&stt_stream(items::<Value>("deepgram-agent"), ALL));
    assert_eq!(said(&stt_stream(items::<AgentResponse>("deepgram-agent"), ALL)), wire);
}
