//! The clinic's agent: one caller's utterances → a call, turn by turn. It does not know which service transcribes,
//! thinks and speaks.

use crate::answer::{self, Action, Answer};
use crate::caller::Utterance;
use crate::clinic::Clinic;
use crate::openai::{Models, OpenAi};
use crate::phone::Phone;
use crate::wish::Wish;
use crate::wording;
use async_openai::error::OpenAIError;
use async_openai::types::audio::{
    AudioInput, CreateSpeechRequestArgs, CreateTranscriptionRequestArgs, SpeechModel, SpeechResponseFormat,
    Voice,
};
use async_openai::types::chat::{ChatCompletionRequestMessage, CreateChatCompletionResponse};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct Agent {
    openai: OpenAi,
    models: Models,
    clinic: Clinic,
    wish: Wish,
    offered: Vec<&'static str>,
    said: Option<String>,
}

impl Agent {
    pub(crate) fn new(openai: OpenAi, models: Models) -> Self {
        let (clinic, wish) = (Clinic::new(), Wish::default());
        Self { openai, models, clinic, wish, offered: Vec::new(), said: None }
    }

    #[cekura::conversation(call_id = call_id, observe)]
    pub(crate) async fn answer_call(&mut self, call_id: &str, utterances: &[Utterance]) -> Result<(), Error> {
        println!("Call {call_id}");
        let phone = Phone::default();
        for (utterance, number) in utterances.iter().zip(1..) {
            println!("Turn {number} of {}", utterances.len());
            tokio::select! {
                done = self.turn(utterance, &phone) => done?,
                () = phone.cut_in(utterance.cuts_in) => println!("  the caller cuts in"),
            }
        }
        note(|call| call.ended("customer-ended-call"));
        Ok(())
    }

    #[cekura::turn]
    async fn turn(&mut self, utterance: &Utterance, phone: &Phone) -> Result<(), Error> {
        let heard = self.transcribe(&utterance.wav).await?.text;
        let heard = heard.trim();
        println!("  caller: {heard}");
        note(|call| call.user(heard));
        let messages = answer::messages(self.said.as_deref(), heard);
        let response = self.ask(&messages, &answer::format(!self.offered.is_empty())?).await?;
        let text = response.choices.into_iter().find_map(|choice| choice.message.content).unwrap_or_default();
        let answer = Answer::read(&text);
        println!("  model:  {:?}", answer.action);
        self.wish.hear(heard, &answer, &self.offered);
        let say = match answer.action {
            Action::BookAppointment => self.book(),
            Action::FindSlot => self.offer(),
            Action::Reply => answer.say,
        };
        println!("  agent:  {say}");
        self.said = Some(say.clone());
        let audio = self.synthesize(&say).await?;
        note(|call| call.agent(say));
        phone.play(&audio).await?;
        Ok(())
    }

    #[cekura::stt(provider = "openai", model = self.models.transcription, language = "en")]
    async fn transcribe(&self, wav: &[u8]) -> Result<Transcription, OpenAIError> {
        let request = CreateTranscriptionRequestArgs::default()
            .file(AudioInput::from_vec_u8("utterance.wav".to_owned(), wav.to_vec()))
            .model(&self.models.transcription)
            .language("en")
            .build()?;
        self.openai.audio().transcription().create_byot(request).await
    }

    #[cekura::llm(provider = "openai", model = self.models.chat, temperature = 0.0, skip(format))]
    async fn ask(
        &self,
        messages: &[ChatCompletionRequestMessage],
        format: &RawValue,
    ) -> Result<CreateChatCompletionResponse, OpenAIError> {
        let request = ChatRequest {
            model: &self.models.chat,
            messages,
            response_format: format,
            temperature: 0.0,
            max_completion_tokens: 100,
        };
        self.openai.chat().create_byot(request).await
    }

    /// Books what the caller wants, and asks for what is missing.
    fn book(&mut self) -> String {
        let Wish { day: Some(day), time: Some(time), name, .. } = self.wish.clone() else {
            return self.offer();
        };
        let Some(name) = name else { return wording::WHICH_NAME.to_owned() };
        self.wish.time = None;
        match self.clinic.book_appointment(day, &time, &name) {
            Ok(booking) => wording::booked(&booking),
            // A refusal is something to talk about, not the end of the call.
            Err(refused) => {
                println!("  refused: {refused}");
                format!("{} {}", wording::taken(&time), self.offer())
            }
        }
    }

    fn offer(&mut self) -> String {
        let Some(day) = self.wish.day else { return wording::WHICH_DAY.to_owned() };
        self.offered = self.clinic.find_slot(day, self.wish.part_of_day);
        wording::free(day, &self.offered)
    }

    #[cekura::tts(provider = "openai", model = self.models.speech, voice = "alloy")]
    async fn synthesize(&self, text: &str) -> Result<Vec<u8>, OpenAIError> {
        let request = CreateSpeechRequestArgs::default()
            .model(SpeechModel::Other(self.models.speech.clone()))
            .voice(Voice::Alloy)
            .input(text)
            .response_format(SpeechResponseFormat::Wav)
            .build()?;
        Ok(self.openai.audio().speech().create(request).await?.bytes.into())
    }

    pub(crate) fn clinic(&self) -> &Clinic {
        &self.clinic
    }
}

/// Notes something for the call log. There is no conversation where tracing is switched off.
fn note(note: impl FnOnce(&cekura::Conversation)) {
    cekura::current_conversation().as_ref().map(note);
}

/// The crate's own request sorts the properties of its schema; see [`answer::format`].
#[derive(Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    messages: &'a [ChatCompletionRequestMessage],
    response_format: &'a RawValue,
    temperature: f32,
    max_completion_tokens: u32,
}

/// What every compatible service answers. The one of OpenAI says more.
#[derive(Deserialize, Serialize)]
struct Transcription {
    text: String,
}
