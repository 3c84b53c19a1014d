//! The clinic's agent: one caller's utterances → a call, turn by turn. Each answer is spoken sentence by
//! sentence while the model still writes it.

use crate::answer::{self, Answer};
use crate::caller::Utterance;
use crate::desk::Desk;
use crate::phone::{Pace, Phone};
use crate::sentences::Sentences;
use crate::service::Service;
use crate::wording;
use futures_util::TryStreamExt;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct Agent {
    service: Service,
    desk: Desk,
    pace: Pace,
    said: Vec<String>,
}

/// A sentence, and its audio as it comes.
type Speech = (String, UnboundedReceiver<Vec<i16>>);

impl Agent {
    pub(crate) fn new(service: Service, pace: Pace) -> Self {
        Self { service, desk: Desk::new(), pace, said: Vec::new() }
    }

    #[cekura::conversation(call_id = call_id, observe)]
    pub(crate) async fn answer_call(&mut self, call_id: &str, utterances: &[Utterance]) -> Result<(), Error> {
        println!("Call {call_id}");
        let call = cekura::current_conversation().unwrap_or_default();
        let phone = Phone::new(call.audio(), self.pace);
        for (utterance, number) in utterances.iter().zip(1..) {
            println!("Turn {number} of {}", utterances.len());
            tokio::select! {
                done = self.turn(utterance, &phone) => done?,
                () = phone.cut_in(utterance.cuts_in) => println!("  the caller cuts in"),
            }
        }
        call.ended("customer-ended-call");
        Ok(())
    }

    /// Thinks, speaks and plays at the same time. Dropping the turn stops all three.
    #[cekura::turn]
    async fn turn(&mut self, utterance: &Utterance, phone: &Phone) -> Result<(), Error> {
        let heard = self.service.transcribe(utterance, phone).await?.text;
        let heard = heard.trim();
        println!("  caller: {heard}");
        let (thought, sentences) = mpsc::unbounded_channel();
        let (spoken, speeches) = mpsc::channel(1);
        tokio::try_join!(
            think(&self.service, &mut self.desk, &mut self.said, heard, thought),
            speak(&self.service, phone, sentences, spoken),
            play(phone, speeches),
        )?;
        Ok(())
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }
}

/// Reads the model's answer while it is written: acts as soon as the action is known, and passes sentences on.
async fn think(
    service: &Service,
    desk: &mut Desk,
    said: &mut Vec<String>,
    heard: &str,
    line: UnboundedSender<String>,
) -> Result<(), Error> {
    let messages = answer::messages(&said.join(" "), heard);
    said.clear();
    let mut tokens = service.ask(&messages, &answer::format(desk.may_book())?).await?;
    let (mut written, mut sentences, mut composed) = (String::new(), Sentences::default(), None);
    while let Some(token) = tokens.try_next().await? {
        written.extend(token.choices.into_iter().filter_map(|choice| choice.delta.content));
        let Some(answer) = Answer::so_far(&written) else { continue };
        let (text, is_whole) = match composed.get_or_insert_with(|| desk.act(heard, &answer)) {
            Some(composed) => (composed.as_str(), true),
            None => (answer.say.as_str(), answer.is_whole),
        };
        while let Some(sentence) = sentences.next(text, is_whole) {
            said.push(sentence.clone());
            line.send(sentence)?;
        }
    }
    if sentences.is_empty() {
        line.send(wording::NOT_UNDERSTOOD.to_owned())?;
    }
    Ok(())
}

/// Has each sentence spoken: the next one while one plays, not more.
async fn speak(
    service: &Service,
    phone: &Phone,
    mut sentences: UnboundedReceiver<String>,
    line: Sender<Speech>,
) -> Result<(), Error> {
    while let Some(sentence) = sentences.recv().await {
        let place = line.reserve().await?;
        let mut audio = service.synthesize(&sentence).await?;
        let (pieces, heard) = mpsc::unbounded_channel();
        place.send((sentence, heard));
        // A piece may end within a sample.
        let mut bytes = Vec::new();
        while let Some(piece) = audio.try_next().await? {
            bytes.extend_from_slice(&piece);
            let (whole, rest) = bytes.as_chunks();
            let samples: Vec<_> = whole.iter().copied().map(i16::from_le_bytes).collect();
            bytes = rest.to_vec();
            phone.queue(&samples);
            pieces.send(samples)?;
        }
    }
    Ok(())
}

/// Plays one sentence after the other.
async fn play(phone: &Phone, mut speeches: Receiver<Speech>) -> Result<(), Error> {
    while let Some((sentence, audio)) = speeches.recv().await {
        println!("  agent:  {sentence}");
        // All sentences of the turn may be synthesised by now: these are the ones that the caller hears.
        cekura::current_turn().unwrap_or_default().spoken(sentence);
        phone.play(audio).await;
    }
    Ok(())
}
