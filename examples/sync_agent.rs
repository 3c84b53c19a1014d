//! A clinic's telephone without an async runtime: two calls, each on a thread of its own → two waterfalls.
//! The words of the calls are text; what matters here is that annotated functions may block.

#[path = "voice_agent/clinic.rs"]
mod clinic;

use clinic::{Clinic, Day, PartOfDay};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

#[cekura::conversation(call_id = call_id)]
fn answer_call(call_id: &str, clinic: &Mutex<Clinic>, caller: &str, day: Day, part: PartOfDay) {
    let answer = turn(clinic, caller, day, part);
    println!("{call_id}: {answer}");
}

#[cekura::turn]
fn turn(clinic: &Mutex<Clinic>, caller: &str, day: Day, part: PartOfDay) -> String {
    let times = open(clinic).find_slot(day, Some(part));
    let time = choose(&times);
    let booking = open(clinic).book_appointment(day, time, caller);
    let answer = match booking {
        Ok(booking) => format!("I have booked {booking}."),
        Err(refused) => format!("I am sorry, {refused}."),
    };
    speak(&answer);
    answer
}

#[cekura::llm(provider = "rules", model = "first-free")]
fn choose<'a>(times: &[&'a str]) -> &'a str {
    thread::sleep(Duration::from_millis(60));
    times.first().copied().unwrap_or_default()
}

#[cekura::tts(provider = "espeak", voice = "en-us")]
fn speak(text: &str) -> Vec<i16> {
    thread::sleep(Duration::from_millis(40));
    vec![0; text.len() * 1000]
}

fn open(clinic: &Mutex<Clinic>) -> MutexGuard<'_, Clinic> {
    clinic.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cekura = cekura::Cekura::builder().service_name("clinic").local_without_key().install()?;
    let clinic = Mutex::new(Clinic::new());
    println!("Two calls at once");
    thread::scope(|scope| {
        for (call_id, caller, day, part) in [
            ("call-1", "Anna Miller", Day::Tuesday, PartOfDay::Afternoon),
            ("call-2", "Ben Fisher", Day::Tuesday, PartOfDay::Morning),
        ] {
            let clinic = &clinic;
            scope.spawn(move || answer_call(call_id, clinic, caller, day, part));
        }
    });
    for booking in open(&clinic).booked() {
        println!("Booked: {booking}");
    }
    println!("{}", cekura.shutdown_blocking(Duration::from_secs(5)));
    Ok(())
}
