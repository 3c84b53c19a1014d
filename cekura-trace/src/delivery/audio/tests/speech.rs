//! Real speech through lines that stall, lose and are muted: every sentence is found where it was said, on its side.

use super::{Chance, Line, loud, needs};
use crate::call::audio::frames::{Frames, Mulaw};
use std::process::Command;

const RATES: [u32; 4] = [8_000, 16_000, 24_000, 48_000];
/// What the network takes at least, and the most by which an edge may be wrong, in seconds.
const NETWORK: f64 = 0.02;
const EDGE: f64 = 0.05;
/// What is between two words is shorter than this, what is between two sentences longer.
const GAP: f64 = 0.35;

/// Sentences, spoken by espeak-ng at a rate; `None` where it is missing.
fn sentences(rate: u32) -> Option<Vec<Vec<i16>>> {
    let said = ["Hello, I would like a table for four.", "At half past seven.", "No, the garden. Thank you."];
    let spoken: Vec<_> = said.iter().map(|text| speak(text, rate)).collect::<Option<_>>()?;
    Some(spoken)
}

fn speak(text: &str, rate: u32) -> Option<Vec<i16>> {
    let output = Command::new("espeak-ng").args(["--stdout", text]).output();
    needs("espeak-ng", output.is_ok())?;
    let wav = output.ok()?.stdout;
    let from = u32::from_le_bytes(*wav[24..].first_chunk().unwrap());
    let data = wav.windows(4).position(|word| word == b"data").unwrap() + 8;
    let samples: Vec<_> =
        wav[data..].as_chunks().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect();
    // Its edges, to which a sentence is cut here, are known to the sample afterwards.
    let edges = loud(&samples, from, GAP);
    let [begin, end] = [edges[0].0, edges[edges.len() - 1].1].map(|edge| (edge * f64::from(from)) as usize);
    let length = (end - begin) as u64 * u64::from(rate) / u64::from(from);
    let at = |number: u64| begin + (number * u64::from(from) / u64::from(rate)) as usize;
    Some((0..length).map(|number| samples[at(number)]).collect())
}

/// What a microphone takes: sentences that begin at times, and silence. With the times at which each is loud.
fn take(sentences: &[Vec<i16>], begins: &[f64], rate: u32, length: f64) -> (Vec<i16>, Vec<(f64, f64)>) {
    let at = |time: f64| (time * f64::from(rate)) as usize;
    let mut sound = vec![0; at(length)];
    for (sentence, begin) in sentences.iter().zip(begins) {
        sound[at(*begin)..][..sentence.len()].copy_from_slice(sentence);
    }
    let edges = loud(&sound, rate, GAP);
    assert_eq!(edges.len(), begins.len(), "each sentence is one");
    (sound, edges)
}

/// Gives a line what the caller says: `came` says when a frame of 20 ms arrives that was over at a time.
fn call<F>(line: &mut Line, sound: &[F], rate: u32, mut came: impl FnMut(f64) -> Option<f64>)
where
    for<'a> &'a [F]: Frames<'a>,
{
    let (frame, mut latest) = (rate as usize / 50, 0.0_f64);
    for (number, frame) in sound.chunks(frame).enumerate() {
        if let Some(at) = came(0.02 * (number + 1) as f64) {
            latest = latest.max(at);
            line.user(latest, frame, rate);
        }
    }
}

/// Says when a frame arrives that would have arrived at a time, if it does.
type Network = Box<dyn Fn(f64) -> Option<f64>>;

/// Every sentence is where it was said, and nothing else is heard.
fn check(case: &str, found: &[(f64, f64)], expected: &[(f64, f64)], later: f64) {
    assert_eq!(found.len(), expected.len(), "{case}: {found:?}, not {expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        let errors = [found.0 - expected.0 - later, found.1 - expected.1 - later];
        assert!(errors.iter().all(|error| error.abs() < EDGE), "{case}: {errors:?} s");
    }
}

const BEGINS: [f64; 3] = [2.0, 9.0, 14.0];

#[test]
fn a_caller_is_heard_where_he_spoke_whatever_the_network_does() {
    for rate in RATES {
        let Some(sentences) = sentences(rate) else { return };
        let (sound, edges) = take(&sentences, &BEGINS, rate, 20.0);
        let stall =
            |from: f64, to: f64| move |came: f64| Some(if (from..to).contains(&came) { to } else { came });
        let mute = |came: f64| (!(4.5..8.9).contains(&came)).then_some(came);
        let cases: [(&str, Network); 6] = [
            ("nothing", Box::new(Some)),
            ("a stall in a sentence", Box::new(stall(2.5, 4.0))),
            ("a stall before a sentence", Box::new(stall(7.9, 9.4))),
            ("a stall after the last", Box::new(stall(16.5, 18.0))),
            ("mute", Box::new(mute)),
            (
                "five stalls",
                Box::new(|came: f64| {
                    let stall = [(1.5, 2.2), (2.4, 3.9), (8.8, 9.3), (9.5, 10.5), (14.2, 15.7)];
                    Some(
                        stall
                            .iter()
                            .find(|(from, to)| (*from..*to).contains(&came))
                            .map_or(came, |(_, to)| *to),
                    )
                }),
            ),
        ];
        for (case, network) in cases {
            let (mut line, mut chance) = (Line::default(), Chance(1));
            call(&mut line, &sound, rate, |over| network(over + NETWORK + 0.02 * chance.next()));
            let case = format!("{case} at {rate}");
            let (out, user, agent) = line.heard("speech-user", None, Some(21.0));
            check(&case, &loud(&user, out, GAP), &edges, NETWORK);
            assert!(agent.iter().all(|sample| *sample == 0), "{case}: the agent is silent");
        }
        let (mut line, mut chance) = (Line::default(), Chance(2));
        call(&mut line, &sound, rate, |over| {
            (chance.next() > 0.02).then_some(over + NETWORK + 0.02 * chance.next())
        });
        let (out, user, _) = line.heard("speech-lost", None, Some(21.0));
        check("lost frames", &loud(&user, out, GAP), &edges, NETWORK);
    }
}

/// A sample of 16 bits as µ-law: the byte that means what is nearest.
fn mulaw(sound: &[i16]) -> Vec<u8> {
    let mut meanings: Vec<_> =
        (0..=255_u8).map(|byte| (crate::call::audio::frames::expand(byte), byte)).collect();
    meanings.sort_unstable();
    let nearest = |sample: &i16| {
        let above = meanings.partition_point(|(meaning, _)| meaning < sample).min(255);
        let near = [meanings[above.saturating_sub(1)], meanings[above]];
        near.into_iter().min_by_key(|(meaning, _)| meaning.abs_diff(*sample)).unwrap().1
    };
    sound.iter().map(nearest).collect()
}

#[test]
fn a_call_of_mulaw_and_24_khz_is_heard_on_both_sides() {
    let (Some(theirs), Some(ours)) = (sentences(8_000), sentences(24_000)) else { return };
    let (sound, user_edges) = take(&theirs, &BEGINS, 8_000, 20.0);
    let sound = mulaw(&sound);
    let mut line = Line::default();
    for (number, frame) in sound.chunks(160).enumerate() {
        line.user(0.02 * (number + 1) as f64 + NETWORK, Mulaw(frame), 8_000);
    }
    // The agent's speech comes five times as fast as it is played.
    let begins = [6.0, 12.0, 17.0];
    let (_, agent_edges) = take(&ours, &begins, 24_000, 22.0);
    for (sentence, begin) in ours.iter().zip(begins) {
        for (number, frame) in sentence.chunks(480).enumerate() {
            line.agent(begin + 0.004 * number as f64, frame, 24_000);
        }
    }
    let (rate, user, agent) = line.heard("speech-both", None, Some(22.0));
    assert_eq!(rate, 16_000);
    check("caller", &loud(&user, rate, GAP), &user_edges, NETWORK);
    check("agent", &loud(&agent, rate, GAP), &agent_edges, 0.0);
}

#[test]
fn an_agent_who_is_interrupted_is_heard_until_then_at_every_rate() {
    for rate in RATES {
        let Some(sentences) = sentences(rate) else { return };
        let (mut line, mut begin, mut expected) = (Line::default(), 1.0, Vec::new());
        for sentence in &sentences {
            let frames: Vec<f32> = sentence.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
            for (number, frame) in frames.chunks(rate as usize / 50).enumerate() {
                line.agent(begin + 0.004 * number as f64, frame, rate);
            }
            // Where it is loud, so that its end is heard.
            let edge = loud(&sentence[..sentence.len() / 2], rate, GAP);
            let clear = begin + edge[edge.len() - 1].1;
            line.clear(clear);
            expected.push((begin, clear));
            // What the next sentence says comes soon after.
            begin = clear + 0.6;
        }
        let (out, user, agent) = line.heard("speech-clear", None, Some(20.0));
        check(&format!("cleared at {rate}"), &loud(&agent, out, GAP), &expected, 0.0);
        assert!(user.iter().all(|sample| *sample == 0));
    }
}
