//! The clinic's agent: a phone call → a realtime session, one event loop for both.

use crate::Error;
use crate::clinic::Clinic;
use crate::event::{Event, Response};
use crate::phone::Phone;
use crate::session::Session;
use crate::trace::Trace;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

pub(crate) struct Agent {
    session: Session,
    phone: Phone,
    trace: Trace,
    clinic: Arc<Clinic>,
    /// Calls of functions that run, and at their ends the items that tell the model.
    functions: JoinSet<Value>,
    answer: Answer,
}

/// The answer that the caller waits for or hears.
#[derive(Default)]
struct Answer {
    response_id: Option<String>,
    is_complete: bool,
}

impl Answer {
    fn is(&self, response_id: &str) -> bool {
        self.response_id.as_deref() == Some(response_id)
    }
}

impl Agent {
    pub(crate) fn new(call_id: &str, session: Session, phone: Phone) -> Self {
        Self {
            session,
            trace: Trace::start(call_id, phone.answered()),
            phone,
            clinic: Arc::new(Clinic::new()),
            functions: JoinSet::new(),
            answer: Answer::default(),
        }
    }

    /// Greets the caller and talks until the caller hangs up.
    pub(crate) async fn take_call(mut self) -> Result<(), Error> {
        let outcome = self.talk().await;
        self.trace.finish(&outcome).await;
        outcome
    }

    async fn talk(&mut self) -> Result<(), Error> {
        self.session.send(json!({ "type": "response.create" })).await?;
        loop {
            tokio::select! {
                event = self.session.next() => self.react(&event?).await?,
                Some(output) = self.functions.join_next() => self.tell_model(output?).await?,
                said = self.phone.frame() => match said {
                    Some(samples) => self.session.send_audio(&samples).await?,
                    None => break,
                },
            }
            if self.answer.is_complete && self.phone.is_quiet() {
                self.answer = Answer::default();
                self.trace.end_turn();
            }
        }
        self.report("the caller hangs up");
        Ok(self.session.close().await?)
    }

    async fn react(&mut self, sent: &Value) -> Result<(), Error> {
        let event = Event::deserialize(sent)?;
        self.trace.receive(&event, sent);
        match event {
            Event::SpeechStarted { .. } => self.fall_silent().await?,
            Event::Transcript { transcript, .. } => self.report(&format!("caller: {transcript}")),
            Event::ResponseCreated { response } => self.answer.response_id = Some(response.id),
            Event::Audio { response_id, item_id, samples } if self.answer.is(&response_id) => {
                self.phone.play(&item_id, &samples);
            }
            Event::ResponseDone { response } => self.complete(&response),
            Event::Error { error } => self.report(&format!("the service refuses: {}", error.message)),
            _ => {}
        }
        Ok(())
    }

    /// The caller speaks: what was not heard of an answer by now was not said.
    async fn fall_silent(&mut self) -> Result<(), Error> {
        if let Some(response_id) = std::mem::take(&mut self.answer).response_id {
            self.session.send(json!({ "type": "response.cancel", "response_id": response_id })).await?;
        }
        if let Some(cut_short) = self.phone.hush() {
            self.report(&format!("the caller cuts in after {} ms of the answer", cut_short.heard_ms));
            let truncate = json!({
                "type": "conversation.item.truncate",
                "item_id": cut_short.item_id,
                "content_index": 0,
                "audio_end_ms": cut_short.heard_ms,
            });
            self.session.send(truncate).await?;
        }
        Ok(())
    }

    fn complete(&mut self, response: &Response) {
        for words in response.spoken() {
            self.report(&format!("agent:  {words}"));
        }
        for call in response.calls() {
            self.report(&format!("model:  {call}"));
            let (clinic, call) = (Arc::clone(&self.clinic), call.clone());
            self.functions.spawn(self.trace.run(async move { clinic.call(call).await }));
        }
        if self.answer.is(&response.id) {
            let is_complete = response.calls().next().is_none();
            self.answer = Answer { response_id: None, is_complete };
        }
    }

    async fn tell_model(&mut self, output: Value) -> Result<(), Error> {
        self.session.send(json!({ "type": "conversation.item.create", "item": output })).await?;
        Ok(self.session.send(json!({ "type": "response.create" })).await?)
    }

    fn report(&self, what: &str) {
        println!("{:5.2} s  {what}", self.phone.answered().elapsed().as_secs_f64());
    }
}
