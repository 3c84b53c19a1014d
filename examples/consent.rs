//! Three callers are asked whether the call may be kept → what is held until they answer, and what leaves then. It needs no
//! network: local mode draws what leaves.

use cekura::{Cekura, Consent, current_conversation};
use std::thread;
use std::time::Duration;

#[cekura::conversation(call_id = call_id, observe, skip(cekura))]
fn answer_call(call_id: &str, cekura: &Cekura, answer: &str) {
    let call = current_conversation().unwrap_or_default();
    println!("\n{call_id}");
    turn("Hello?", "Good morning! May we keep this call to get better?");
    println!("  before the answer:  {}", cekura.ledger());
    match answer {
        "Yes." => call.grant(),
        "Not my voice." => {
            call.refuse_audio();
            call.grant();
        }
        _ => call.abort(),
    }
    turn(answer, "Thank you. When would you like to come?");
    println!("  {answer:<19} {}", cekura.ledger());
}

#[cekura::turn]
fn turn(heard: &str, answer: &str) {
    transcribe(heard);
    speak(answer);
}

#[cekura::stt(provider = "deepgram")]
fn transcribe(heard: &str) -> String {
    thread::sleep(Duration::from_millis(30));
    heard.to_owned()
}

#[cekura::tts(provider = "espeak", voice = "en-us")]
fn speak(text: &str) -> Vec<i16> {
    thread::sleep(Duration::from_millis(50));
    vec![0; text.len() * 1000]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let builder = Cekura::builder().service_name("clinic").local_without_key();
    let cekura = builder.consent(Consent::Everything).install()?;
    for (call_id, answer) in [("call-1", "Yes."), ("call-2", "Not my voice."), ("call-3", "No.")] {
        answer_call(call_id, &cekura, answer);
        println!("  after the call:     {}", cekura.flush_blocking(Duration::from_secs(5)));
    }
    let report = cekura.shutdown_blocking(Duration::from_secs(5));
    // Nothing of the caller who said no was kept, and each of his spans is counted.
    assert_eq!(report.dropped.get("aborted"), Some(&7), "{report}");
    Ok(())
}
