//! Turns in turns, in other tasks and threads, and how they end.

use super::*;

#[test]
fn in_a_handoff_every_turn_around_hears_it() {
    #[cekura::conversation(call_id = "second agent")]
    fn second_agent(start: Instant) {
        turn(|turn| turn.first_audio_at(start + ms(750)));
        turn(|turn| turn.first_audio_at(start + ms(4_000)));
    }
    let start = Instant::now();
    let trace = capture(|| {
        call(|| {
            turn(|turn| {
                turn.user_stopped_at(start);
                second_agent(start);
            });
        });
    });
    assert_eq!(trace.to_string(), "conversation\n  turn\n    conversation\n      turn\n      turn\n");
    assert_eq!(latencies(&trace), [Some(0.75), Some(0.75), None], "the second inner turn answers nothing");
}

#[test]
fn spans_of_a_handoff_count_for_every_turn_around() {
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        call(|| {
            turn(|_| {
                stopped = Some(ending(hear));
                call(|| turn(|_| heard = Some(ending(|| say("Hello.")))));
            });
        });
    });
    let [outer, inner] = latencies(&trace)[..] else { panic!("{trace}") };
    check(outer, &stopped.unwrap(), &heard.unwrap());
    assert_eq!(outer, inner);
}

#[test]
fn what_is_heard_in_an_inner_turn_is_heard_around_it() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|outer| {
            turn(|inner| inner.user_stopped_at(start));
            outer.first_audio_at(start + ms(400));
        });
        turn(|_| {
            turn(|inner| {
                inner.first_audio_at(start + ms(300));
                inner.user_stopped_at(start);
            });
        });
    });
    assert_eq!(latencies(&trace), [Some(0.4), None, Some(0.3), Some(0.3)]);
}

#[test]
fn turns_in_turns_need_no_conversation() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|outer| {
            outer.user_stopped_at(start);
            turn(|_| turn(|inner| inner.first_audio_at(start + ms(30))));
        });
        turn(|apart| apart.first_audio_at(start + ms(40)));
    });
    assert_eq!(latencies(&trace), [Some(0.03), Some(0.03), Some(0.03), None]);
}

#[test]
fn every_ending_of_a_turn_has_it_and_the_turns_duration() {
    #[cekura::turn(skip_all)]
    fn fails(start: Instant) -> Result<(), String> {
        speak(start);
        Err("no line".to_owned())
    }
    #[cekura::turn(skip_all)]
    fn panics(start: Instant) {
        speak(start);
        panic!("no line")
    }
    #[cekura::turn(skip_all)]
    async fn dropped(start: Instant) {
        speak(start);
        std::future::pending::<()>().await;
    }
    fn speak(start: Instant) {
        let turn = current_turn().unwrap();
        turn.user_stopped_at(start);
        turn.first_audio_at(start + ms(640));
        pass();
    }
    let start = Instant::now();
    let trace = capture(|| {
        call(|| {
            turn(|_| speak(start));
            let _ = (fails(start), catch_unwind(AssertUnwindSafe(|| panics(start))));
            futures::executor::block_on(poll_immediate(Box::pin(dropped(start))));
        });
    });
    assert_eq!(latencies(&trace), [Some(0.64); 4]);
    for turn in trace.named("turn") {
        let duration = seconds(turn, DURATION).unwrap();
        assert!((duration - turn.duration().as_secs_f64()).abs() < 1e-6 && duration >= 0.005, "{duration}");
    }
    let interrupted: Vec<_> = trace.named("turn").map(|turn| turn.attribute(INTERRUPTED).cloned()).collect();
    assert_eq!(interrupted, [false, false, false, true].map(|each| Some(Value::Bool(each))));
}

#[test]
fn an_answer_cut_off_in_an_inner_turn_is_cut_off_around_it() {
    #[cekura::tts]
    async fn speak(words: &str) {
        let _ = words;
        std::future::pending::<()>().await;
    }
    let trace = capture(|| {
        call(|| {
            turn(|_| {
                turn(|_| futures::executor::block_on(poll_immediate(Box::pin(speak("Hello")))));
                turn(|_| ());
            });
            turn(|_| ());
        });
    });
    let interrupted: Vec<_> = trace.named("turn").map(|turn| turn.attribute(INTERRUPTED).cloned()).collect();
    assert_eq!(interrupted, [true, true, false, false].map(|each| Some(Value::Bool(each))));
}

#[test]
fn times_are_no_content() {
    let start = Instant::now();
    let trace = capture_with(CaptureContent::Metadata, || {
        turn(|turn| {
            turn.user_stopped_at(start);
            turn.first_audio_at(start + ms(1));
        });
    });
    assert_eq!(latency(&trace), Some(0.001));
    assert!(seconds(&trace.spans()[0], DURATION).is_some());
}

#[test]
fn threads_may_speak_at_once() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            scope(|threads| {
                for thread in 0..8 {
                    threads.spawn(move || {
                        for each in 0..200 {
                            turn.user_stopped_at(before(start, 1 + each * 8 + thread));
                            turn.first_audio_at(start + ms(1_000 - each - thread / 4));
                        }
                    });
                }
            });
        });
    });
    assert_eq!(latency(&trace), Some(0.801));
}

#[test]
fn a_voice_in_another_thread_is_heard_in_the_turn() {
    let start = before(Instant::now(), 50);
    let mut heard = None;
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(start);
            let (sender, receiver) = mpsc::channel::<cekura::context::Carried<&str>>();
            scope(|threads| {
                let voice =
                    threads.spawn(move || receiver.recv().unwrap().in_scope(|words| ending(|| say(words))));
                sender.send(cekura::context::carry("Hello.")).unwrap();
                heard = Some(voice.join().unwrap());
            });
        });
    });
    check(latency(&trace), &(start..=start), &heard.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_hears_another() {
    #[cekura::conversation(skip_all)]
    async fn call(start: Instant, number: u64) {
        for turn in 0..3 {
            exchange(start, number * 3 + turn).await;
        }
    }
    #[cekura::turn(record("test.number" = i64::try_from(number).unwrap()), skip_all)]
    async fn exchange(start: Instant, number: u64) {
        let turn = current_turn().unwrap();
        yield_now().await;
        turn.user_stopped_at(start);
        yield_now().await;
        cekura::spawn(async move { current_turn().unwrap().first_audio_at(start + ms(number)) })
            .await
            .unwrap();
    }
    let start = Instant::now();
    let trace = capture_async(async move {
        join_all((0..200).map(|number| cekura::spawn(call(start, number)))).await;
    })
    .await;
    assert_eq!(trace.named("turn").count(), 600);
    for turn in trace.named("turn") {
        let Some(Value::I64(number)) = turn.attribute("test.number") else { panic!("{trace}") };
        let expected = ms(u64::try_from(*number).unwrap()).as_secs_f64();
        assert_eq!(seconds(turn, LATENCY), Some(expected));
    }
}
