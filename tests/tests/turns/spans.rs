//! Moments that spans give: the end of an `stt`, of a `tts`.

use super::*;

#[test]
fn without_a_word_of_the_program_the_spans_say_it() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        turn(|_| {
            stopped = Some(ending(hear));
            pass();
            heard = Some(ending(|| say("Hello.")));
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn of_several_sentences_the_first_counts() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        turn(|_| {
            stopped = Some(ending(hear));
            heard = Some(ending(|| say("Hello.")));
            say("How are you?");
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn the_last_stt_before_the_first_audio_counts() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        turn(|_| {
            hear();
            stopped = Some(ending(hear));
            heard = Some(ending(|| say("Hello.")));
            hear();
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn an_stt_before_the_turn_counts() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        call(|| {
            stopped = Some(ending(hear));
            turn(|_| heard = Some(ending(|| say("Hello."))));
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn an_stt_beside_the_turn_counts_until_the_first_audio() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        call(|| {
            let listener = cekura::context::carry(());
            let again = listener.clone();
            turn(|_| {
                stopped = Some(ending(|| listener.in_scope(|()| hear())));
                heard = Some(ending(|| say("Hello.")));
                again.in_scope(|()| hear());
            });
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn an_stt_in_the_turn_counts_more_than_one_beside_it() {
    #[cekura::stt(parent = cekura::current_conversation())]
    fn hear_beside() -> &'static str {
        pass();
        "hello"
    }
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        call(|| {
            turn(|_| {
                stopped = Some(ending(hear));
                hear_beside();
                heard = Some(ending(|| say("Hello.")));
            });
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn what_was_said_is_answered_once() {
    let trace = capture(|| {
        call(|| {
            hear();
            turn(|_| drop(say("Hello.")));
            turn(|_| drop(say("Are you still there?")));
            hear();
            say("An answer outside the turns is one, too.");
            turn(|_| drop(say("Are you still there?")));
        });
    });
    let latencies = latencies(&trace);
    assert!(latencies[0].is_some() && latencies[1..] == [None, None], "{latencies:?}");
}

#[test]
fn what_no_turn_has_answered_the_next_one_does() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        call(|| {
            turn(|_| stopped = Some(ending(hear)));
            turn(|_| heard = Some(ending(|| say("Hello."))));
        });
    });
    let latencies = latencies(&trace);
    assert_eq!(latencies[0], None);
    check(latencies[1], &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn a_tool_is_part_of_the_time() {
    #[cekura::tool_call]
    fn find_slot() -> &'static str {
        sleep(ms(60));
        "Tuesday"
    }
    #[cekura::llm]
    fn think() -> &'static str {
        find_slot()
    }
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        turn(|_| {
            stopped = Some(ending(hear));
            heard = Some(ending(|| say(think())));
        });
    });
    let latency = latency(&trace);
    check(latency, &stopped.unwrap(), &heard.unwrap());
    let tool = trace.span("tool_call").unwrap().duration().as_secs_f64();
    assert!(latency.unwrap() > tool && tool >= 0.06, "{latency:?} with a tool of {tool} s");
}

#[test]
fn an_stt_that_understood_nothing_says_nothing() {
    #[cekura::stt]
    fn fails() -> Result<String, String> {
        Err("closed".to_owned())
    }
    #[cekura::stt]
    fn silence() -> Result<Option<String>, String> {
        Ok(None)
    }
    #[cekura::stt]
    fn panics() -> String {
        panic!("codec")
    }
    #[cekura::stt]
    async fn interrupted() -> String {
        std::future::pending().await
    }
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            let _ = (fails(), silence(), catch_unwind(panics));
            futures::executor::block_on(poll_immediate(Box::pin(interrupted())));
            turn.first_audio_at(start + Duration::from_secs(60));
        });
    });
    assert_eq!(trace.named("stt").count(), 4);
    assert_eq!(latency(&trace), None);
}

#[test]
fn a_voice_that_gave_nothing_says_nothing() {
    #[cekura::tts]
    fn fails(words: &str) -> Result<Vec<u8>, String> {
        Err(format!("no voice for {words}"))
    }
    #[cekura::tts]
    async fn interrupted(words: &str) -> Vec<u8> {
        let _ = words;
        std::future::pending().await
    }
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped();
            let _ = fails("Hello.");
            futures::executor::block_on(poll_immediate(Box::pin(interrupted("Hello."))));
            talk();
        });
    });
    assert_eq!(trace.named("tts").count(), 2);
    assert_eq!(
        latency(&trace),
        None,
        "nor does an s2s that is no stream, which has played its audio or has not"
    );
}

#[test]
fn a_moment_that_nobody_knows_is_no_latency() {
    let trace = capture(|| {
        call(|| {
            turn(|_| drop(say("Riverside Clinic, how can I help?")));
            turn(|_| hear());
            turn(Turn::user_stopped);
            turn(|turn| turn.first_audio_at(before(Instant::now(), 9_000)));
            turn(|_| ());
        });
    });
    assert_eq!(latencies(&trace), [None; 5]);
}
