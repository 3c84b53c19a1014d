//! The clinic's agent: one caller's utterances → a call, turn by turn. It does not know which service transcribes,
//! thinks and speaks.

use crate::answer::{self, Action};
use crate::caller::Utterance;
use crate::clinic::{Booking, Clinic, Refused};
use crate::openai::{Models, OpenAi};
use crate::phone::Phone;
use async_openai::error::OpenAIError;
use async_openai::types::audio::{
    AudioInput, CreateSpeechRequestArgs, CreateTranscriptionRequestArgs, SpeechModel, SpeechResponseFormat,
    Voice,
};
use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessage, ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage,
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs, CreateChatCompletionResponse,
    ResponseFormat,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// A model that is not held to the schema may go on calling tools for ever.
const ANSWERS_PER_TURN: usize = 4;
const GIVES_UP: &str = "I am sorry, I could not do that. What else can I do for you?";

pub(crate) struct Agent {
    openai: OpenAi,
    models: Models,
    clinic: Clinic,
    messages: Vec<ChatCompletionRequestMessage>,
}

impl Agent {
    pub(crate) fn new(openai: OpenAi, models: Models) -> Self {
        let instructions = ChatCompletionRequestSystemMessage::from(answer::INSTRUCTIONS);
        Self { openai, models, clinic: Clinic::new(), messages: vec![instructions.into()] }
    }

    #[cekura::conversation(call_id = call_id)]
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
        Ok(())
    }

    #[cekura::turn]
    async fn turn(&mut self, utterance: &Utterance, phone: &Phone) -> Result<(), Error> {
        let heard = self.transcribe(&utterance.wav).await?.text;
        println!("  caller: {}", heard.trim());
        self.messages.push(ChatCompletionRequestUserMessage::from(heard.trim()).into());
        let say = self.decide().await?;
        println!("  agent:  {say}");
        let audio = self.synthesize(&say).await?;
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

    /// Asks the model until it has something to say to the caller, and calls the tools that it wants before.
    async fn decide(&mut self) -> Result<String, OpenAIError> {
        let mut called = Vec::new();
        for _ in 0..ANSWERS_PER_TURN {
            let response = self.ask(&self.messages, answer::format(&called)).await?;
            let text =
                response.choices.into_iter().find_map(|choice| choice.message.content).unwrap_or_default();
            let action = Action::read(&text);
            self.messages.push(ChatCompletionRequestAssistantMessage::from(text).into());
            let (tool, result) = match action {
                Action::Reply { say } => return Ok(say),
                Action::FindSlot { day, part_of_day } => {
                    ("find_slot", json!({ "free": self.clinic.find_slot(day, part_of_day) }))
                }
                Action::BookAppointment { day, time, name } => {
                    ("book_appointment", booked(self.clinic.book_appointment(day, &time, &name)))
                }
            };
            println!("  {tool}: {result}");
            self.messages.push(ChatCompletionRequestUserMessage::from(format!("{tool}: {result}")).into());
            called.push(tool);
        }
        Ok(GIVES_UP.to_owned())
    }

    #[cekura::llm(provider = "openai", model = self.models.chat, temperature = 0.0, skip(format))]
    async fn ask(
        &self,
        messages: &[ChatCompletionRequestMessage],
        format: ResponseFormat,
    ) -> Result<CreateChatCompletionResponse, OpenAIError> {
        let request = CreateChatCompletionRequestArgs::default()
            .model(&self.models.chat)
            .messages(messages)
            .response_format(format)
            .temperature(0.0)
            .max_completion_tokens(200_u32)
            .build()?;
        self.openai.chat().create(request).await
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

/// A refusal is something to talk about, not the end of the call.
fn booked(outcome: Result<Booking, Refused>) -> Value {
    match outcome {
        Ok(booking) => json!({ "booked": booking }),
        Err(refused) => json!({ "refused": refused.to_string() }),
    }
}

/// What every compatible service answers. The one of OpenAI says more.
#[derive(Deserialize, Serialize)]
struct Transcription {
    text: String,
}
