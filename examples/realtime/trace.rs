//! The events of a realtime session → the spans of a call: one `turn` for each exchange, in it the caller's
//! words as an `stt`, each response as an `s2s`, and what runs for it.

use crate::event::{Event, Response, Status};
use crate::session::{MODEL, PREFIX_PADDING_MS, SILENCE_MS, TRANSCRIBER};
use cekura::spans::{self, Guard};
use serde_json::Value;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What is open.
pub(crate) struct Trace {
    call: Guard<spans::Conversation>,
    /// The service counts milliseconds of sound from here.
    answered: Instant,
    turn: Option<Guard<spans::Turn>>,
    /// By the ids of the caller's items.
    transcriptions: HashMap<String, Guard<spans::Stt>>,
    /// By id, until the service has said what they cost: one that is cut short stays open after its turn.
    responses: HashMap<String, Guard<spans::S2s>>,
}

impl Trace {
    /// A call whose first turn is the agent's.
    pub(crate) fn start(call_id: &str, answered: Instant) -> Self {
        let call = spans::conversation().call_id(call_id).observe().start();
        let turn = spans::turn().parent(&call).start();
        let (transcriptions, responses) = (HashMap::new(), HashMap::new());
        Self { call, answered, turn: Some(turn), transcriptions, responses }
    }

    /// An event, and the same as the service sent it.
    pub(crate) fn receive(&mut self, event: &Event, sent: &Value) {
        match event {
            Event::SpeechStarted { audio_start_ms, item_id } => {
                self.start_turn(item_id, self.at(audio_start_ms + PREFIX_PADDING_MS));
            }
            Event::SpeechStopped { audio_end_ms } => {
                if let Some(turn) = &self.turn {
                    turn.user_stopped_at(self.at(audio_end_ms.saturating_sub(SILENCE_MS)));
                }
            }
            Event::TranscriptDelta { item_id } => {
                if let Some(stt) = self.transcriptions.get_mut(item_id) {
                    stt.item(sent);
                }
            }
            Event::Transcript { item_id, .. } => {
                if let Some(mut stt) = self.transcriptions.remove(item_id) {
                    stt.item(sent);
                    stt.end();
                }
            }
            Event::TranscriptFailed { item_id, error } => {
                if let Some(mut stt) = self.transcriptions.remove(item_id) {
                    stt.fail(&error.message);
                }
            }
            Event::ResponseCreated { response } => {
                if let Some(turn) = &self.turn {
                    let s2s = spans::s2s().parent(turn).provider("openai").model(MODEL);
                    self.responses.insert(response.id.clone(), s2s.start());
                }
            }
            Event::Delta { response_id } => {
                if let Some(s2s) = self.responses.get_mut(response_id) {
                    s2s.item(sent);
                }
            }
            Event::Audio { response_id, samples, .. } => {
                if let Some(s2s) = self.responses.get_mut(response_id) {
                    s2s.audio(samples.len());
                }
            }
            Event::ResponseDone { response } => self.end_response(response, sent),
            Event::Error { .. } | Event::Other => {}
        }
    }

    /// The caller has heard the answer to its end.
    pub(crate) fn end_turn(&mut self) {
        if let Some(turn) = self.turn.take() {
            turn.end();
        }
    }

    /// Runs a function that the model calls, as a part of the turn.
    pub(crate) fn run<F: Future>(&self, function: F) -> impl Future<Output = F::Output> + use<F> {
        match &self.turn {
            Some(turn) => turn.run(function),
            None => self.call.run(function),
        }
    }

    /// The call is over. Waits until its trace is delivered.
    pub(crate) async fn finish(mut self, outcome: &Result<(), crate::Error>) {
        match outcome {
            Ok(()) => self.call.ended("customer-ended-call"),
            Err(error) => self.call.fail(error),
        }
        drop((self.responses, self.transcriptions, self.turn));
        self.call.finish().await;
    }

    /// The caller speaks. A turn that is still open was not heard out.
    fn start_turn(&mut self, item_id: &str, started: Instant) {
        if let Some(turn) = self.turn.take() {
            turn.interrupt();
        }
        let turn = spans::turn().parent(&self.call).started_at(started).start();
        let stt = spans::stt().parent(&turn).provider("openai").model(TRANSCRIBER);
        self.transcriptions.insert(item_id.to_owned(), stt.started_at(started).start());
        self.turn = Some(turn);
    }

    fn end_response(&mut self, response: &Response, sent: &Value) {
        let Some(mut s2s) = self.responses.remove(&response.id) else { return };
        s2s.item(sent);
        match response.status {
            Status::Cancelled => s2s.interrupt(),
            Status::Failed => {
                let error = &sent["response"]["status_details"]["error"]["message"];
                s2s.fail(error.as_str().unwrap_or("the service does not say why"));
            }
            _ => s2s.end(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.answered + Duration::from_millis(ms)
    }
}
