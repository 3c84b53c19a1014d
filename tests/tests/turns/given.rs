//! Moments that the program gives.

use super::*;

#[test]
fn what_the_program_says_is_exact() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(before(start, 300));
            turn.first_audio_at(start + ms(520));
        });
    });
    assert_eq!(latency(&trace), Some(0.82));
}

#[test]
fn the_wall_clock_says_it_too() {
    let start = SystemTime::now();
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(start - ms(700));
            turn.first_audio_at(start + ms(200));
        });
        turn(|turn| {
            turn.user_stopped_at(SystemTime::UNIX_EPOCH);
            turn.first_audio();
        });
    });
    let latencies = latencies(&trace);
    assert!((latencies[0].unwrap() - 0.9).abs() < 0.05, "{latencies:?}");
    let since_1970 = start.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((latencies[1].unwrap() - since_1970).abs() < 1.0, "{latencies:?}");
}

#[test]
fn now_is_when_it_is_called() {
    let now = |call: &dyn Fn()| {
        let before = Instant::now();
        call();
        before..=Instant::now()
    };
    let (mut stopped, mut heard) = (None, None);
    let trace = capture(|| {
        turn(|turn| {
            stopped = Some(now(&|| turn.user_stopped()));
            pass();
            heard = Some(now(&|| turn.first_audio()));
        });
    });
    check(latency(&trace), &stopped.unwrap(), &heard.unwrap());
}

#[test]
fn the_program_wins_over_the_spans() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(start);
            hear();
            turn.first_audio_at(start + Duration::from_secs(60));
            say("Hello.");
        });
        turn(|turn| {
            hear();
            turn.user_stopped_at(start + ms(1_000));
            say("Hello.");
            turn.first_audio_at(start + ms(1_250));
        });
    });
    assert_eq!(latencies(&trace), [Some(60.0), Some(0.25)]);
}

#[test]
fn one_of_both_may_be_the_programs() {
    let early = before(Instant::now(), 2_000);
    let (mut heard, mut stopped) = (None, None);
    let late = early + Duration::from_secs(60);
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(early);
            heard = Some(ending(|| say("Hello.")));
        });
        turn(|turn| {
            stopped = Some(ending(hear));
            turn.first_audio_at(late);
        });
    });
    let latencies = latencies(&trace);
    check(latencies[0], &(early..=early), &heard.unwrap());
    check(latencies[1], &stopped.unwrap(), &(late..=late));
}

#[test]
fn the_first_audio_counts_once() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(start);
            for milliseconds in [400, 300, 900, 1_200] {
                turn.first_audio_at(start + ms(milliseconds));
            }
        });
    });
    assert_eq!(latency(&trace), Some(0.3), "the earliest, not the one that was told first");
}

#[test]
fn the_caller_stopped_the_last_time_before_the_first_audio() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            for milliseconds in [500, 100, 2_500] {
                turn.user_stopped_at(start + ms(milliseconds));
            }
            turn.first_audio_at(start + ms(1_500));
            turn.user_stopped_at(start + ms(3_000));
            turn.user_stopped_at(start + ms(700));
        });
    });
    assert_eq!(latency(&trace), Some(0.8), "also when it is told after the audio");
}

#[test]
fn a_moment_told_late_is_not_kept_for_the_next_turn() {
    let start = Instant::now();
    let trace = capture(|| {
        call(|| {
            turn(|turn| {
                turn.first_audio_at(start + ms(500));
                turn.user_stopped_at(start);
            });
            turn(|turn| turn.first_audio_at(start + ms(9_000)));
        });
    });
    assert_eq!(latencies(&trace), [Some(0.5), None]);
}

#[test]
fn who_interrupts_an_answer_is_answered_by_the_next_turn() {
    let start = Instant::now();
    let trace = capture(|| {
        call(|| {
            turn(|turn| {
                turn.user_stopped_at(start);
                turn.first_audio_at(start + ms(500));
                turn.user_stopped_at(start + ms(2_000));
                turn.first_audio_at(start + ms(2_100));
            });
            turn(|turn| turn.first_audio_at(start + ms(2_600)));
        });
    });
    assert_eq!(latencies(&trace), [Some(0.5), Some(0.6)]);
}

#[test]
fn an_audio_told_late_answers_only_what_was_said_before_it() {
    let start = Instant::now();
    let trace = capture(|| {
        call(|| {
            turn(|turn| {
                turn.user_stopped_at(start);
                turn.user_stopped_at(start + ms(2_000));
                turn.first_audio_at(start + ms(500));
            });
            turn(|turn| turn.first_audio_at(start + ms(2_600)));
        });
    });
    assert_eq!(latencies(&trace), [Some(0.5), Some(0.6)]);
}

#[test]
fn a_call_without_an_answer_keeps_the_last_words_only() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            for number in 0..10_000 {
                turn.user_stopped_at(start + ms(number));
            }
            turn.first_audio_at(start + ms(10_009));
        });
    });
    assert_eq!(latency(&trace), Some(0.01));
}

#[test]
fn a_turn_that_is_over_takes_nothing() {
    let start = Instant::now();
    let trace = capture(|| {
        let over = turn(|turn| {
            turn.user_stopped_at(start);
            turn.clone()
        });
        over.first_audio_at(start + ms(1));
    });
    assert_eq!(latency(&trace), None);
}

#[test]
fn a_caller_who_only_spoke_after_the_audio_is_no_latency() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            turn.first_audio_at(start);
            turn.user_stopped_at(start + ms(1));
        });
        turn(|_| {
            say("Hello.");
            hear();
        });
    });
    assert_eq!(latencies(&trace), [None, None]);
}

#[test]
fn a_turn_as_long_as_a_call_keeps_what_it_answered() {
    let start = Instant::now();
    let trace = capture(|| {
        turn(|turn| {
            turn.user_stopped_at(start);
            turn.first_audio_at(start + ms(700));
            for number in 0..1_000 {
                turn.user_stopped_at(start + ms(2_000 + number));
            }
        });
    });
    assert_eq!(latency(&trace), Some(0.7));
}
