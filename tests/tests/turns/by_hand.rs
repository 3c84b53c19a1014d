//! Moments that guards give, of spans that no function stands for.

use super::*;
use cekura::spans;

#[test]
fn a_recogniser_has_heard_when_it_is_ended() {
    let start = Instant::now();
    let trace = capture(|| {
        let turn = spans::turn().start();
        turn.in_scope(|| {
            let mut stt = spans::stt().started_at(before(start, 900)).start();
            stt.transcript("I need an appointment.");
            stt.end_at(start);
        });
        turn.first_audio_at(start + ms(450));
        turn.end();
    });
    assert_eq!(latency(&trace), Some(0.45));
}

#[test]
fn a_final_transcript_is_heard_before_the_end() {
    let (mut stopped, mut heard) = (None, None);
    let final_one = serde_json::json!({
        "type": "Results", "is_final": true, "channel": { "alternatives": [{ "transcript": "On Tuesday." }] }
    });
    let trace = capture(|| {
        let turn = spans::turn().start();
        turn.in_scope(|| {
            let mut stt = spans::stt().start();
            stopped = Some(ending(|| {
                pass();
                stt.item(&final_one);
            }));
            pass();
            stt.end();
            heard = Some(ending(|| say("At ten?")));
        });
        turn.end();
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn the_first_audio_of_a_voice_counts() {
    type Voice = spans::Guard<spans::Tts>;
    let start = before(Instant::now(), 500);
    for first in [Voice::first_chunk, |tts: &mut Voice| tts.audio(320)] {
        let mut heard = None;
        let trace = capture(|| {
            let turn = spans::turn().start();
            turn.user_stopped_at(start);
            turn.in_scope(|| {
                let mut tts = spans::tts().start();
                heard = Some(ending(|| {
                    pass();
                    first(&mut tts);
                }));
                pass();
                tts.audio(320);
                tts.end();
            });
            turn.end();
        });
        check(latency(&trace), &(start..=start), &heard.unwrap());
    }
}

#[test]
fn a_voice_that_gives_its_audio_at_once_is_heard_when_it_is_ended() {
    let start = Instant::now();
    let trace = capture(|| {
        let turn = spans::turn().start();
        turn.user_stopped_at(start);
        turn.in_scope(|| spans::tts().text("Hello.").start().end_at(start + ms(800)));
        turn.end();
    });
    assert_eq!(latency(&trace), Some(0.8));
}

#[test]
fn of_speech_to_speech_only_audio_counts() {
    let start = Instant::now();
    let mut heard = None;
    let trace = capture(|| {
        for has_audio in [false, true] {
            let turn = spans::turn().start();
            turn.user_stopped_at(start);
            turn.in_scope(|| {
                let mut s2s = spans::s2s().start();
                s2s.item(&serde_json::json!({ "type": "response.created" }));
                s2s.output("Hello.");
                if has_audio {
                    heard = Some(ending(|| {
                        pass();
                        s2s.audio(480);
                    }));
                }
                s2s.end();
            });
            turn.end();
        }
    });
    let [silent, audible] = latencies(&trace)[..] else { panic!("{trace}") };
    assert_eq!(silent, None);
    check(audible, &(start..=start), &heard.unwrap());
}

#[test]
fn what_failed_or_was_dropped_says_nothing() {
    let start = Instant::now();
    let trace = capture(|| {
        let turn = spans::turn().start();
        turn.in_scope(|| {
            drop(spans::stt().start());
            let mut stt = spans::stt().start();
            stt.fail("closed");
            stt.end();
        });
        turn.first_audio();
        turn.end();
        let turn = spans::turn().start();
        turn.user_stopped_at(start);
        turn.in_scope(|| {
            drop(spans::tts().start());
            let mut tts = spans::tts().start();
            tts.fail("no voice");
            tts.end();
        });
        turn.end();
    });
    assert_eq!(latencies(&trace), [None, None]);
}
