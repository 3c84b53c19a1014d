//! Files of two channels: rates, edges, what is folded back, and what others read in them.

#[cfg(feature = "local")]
use super::journal;
use super::{Chance, Folder, Line, SECOND, Track, loud, needs, place, read, tone, wav};
#[cfg(feature = "local")]
use crate::call::audio::form::Audio;
use crate::call::audio::frames::Mulaw;
use crate::delivery::audio::place::Placed;
use crate::delivery::audio::recording::Recording;
use crate::delivery::audio::render::flac::Flac;
use crate::delivery::audio::render::{Stereo, Wav};
#[cfg(feature = "local")]
use crate::delivery::audio::sound::Sound;
use flac_codec::decode::{FlacSampleReader, Metadata};
use std::fs;
use std::process::Command;
use std::sync::Arc;

/// The level in decibels below a tone at half of full scale.
fn level(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    10.0 * (power / samples.len() as f64 / (16_000.0_f64.powi(2) / 2.0) + 1e-12).log10()
}

/// The middle of a tone of three seconds, as it is in the file.
fn heard(hertz: f64, from: u32, to: Option<u32>) -> (u32, f64) {
    let mut line = Line::default();
    line.agent(0.0, &tone(hertz, 3.0, from), from);
    let (rate, user, agent) = line.heard(&format!("tone-{hertz}-{from}-{to:?}"), to, None);
    assert!(user.iter().all(|sample| *sample == 0), "the caller says nothing");
    let part = rate as usize..2 * rate as usize;
    (rate, level(&agent[part]))
}

#[test]
fn a_tone_above_half_of_the_rate_is_not_folded_back() {
    for (hertz, from, to) in [
        (10_000.0, 48_000, None),
        (8_500.0, 48_000, None),
        (20_000.0, 44_100, None),
        (9_000.0, 24_000, None),
        (5_000.0, 48_000, Some(8_000)),
        (4_500.0, 16_000, Some(8_000)),
        (9_000.0, 22_050, None),
        (90_000.0, 192_000, None),
    ] {
        let (_, level) = heard(hertz, from, to);
        assert!(level < -60.0, "{hertz} Hz at {from}: {level:.1} dB");
    }
}

#[test]
fn a_tone_below_it_keeps_its_level() {
    for (hertz, from) in [
        (1_000.0, 8_000),
        (1_000.0, 11_025),
        (440.0, 16_000),
        (3_000.0, 22_050),
        (6_000.0, 24_000),
        (7_000.0, 32_000),
        (7_000.0, 44_100),
        (7_000.0, 48_000),
        (3_000.0, 384_000),
    ] {
        let (_, level) = heard(hertz, from, None);
        assert!(level.abs() < 0.2, "{hertz} Hz at {from}: {level:.2} dB");
    }
}

#[test]
fn the_rate_is_a_usual_one_or_the_wish_but_never_more_than_came_in() {
    let rate = |came: u32, wish| heard(400.0, came, wish).0;
    for (came, wish, expected) in [
        (8_000, None, 8_000),
        (16_000, None, 16_000),
        (11_025, None, 16_000),
        (24_000, None, 16_000),
        (24_000, Some(24_000), 24_000),
        (8_000, Some(24_000), 8_000),
        (16_000, Some(48_000), 16_000),
        (48_000, Some(0), 8_000),
        (8_000, Some(u32::MAX), 8_000),
        (96_000, Some(96_000), 48_000),
    ] {
        assert_eq!(rate(came, wish), expected, "{came} {wish:?}");
    }
}

#[test]
fn edges_stand_within_two_samples_at_every_rate() {
    for from in [8_000_u32, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000] {
        let mut line = Line::default();
        let second = vec![10_000_i16; from as usize];
        for frame in second.chunks(from as usize / 50 + 1) {
            line.agent(1.0, frame, from);
        }
        line.user_at(0.5, &second, from);
        let (rate, user, agent) = line.heard(&format!("edges-{from}"), Some(16_000), Some(3.0));
        let half = |samples: &[i16]| {
            let is_on = |sample: &i16| *sample > 5_000;
            let last = samples.iter().rposition(is_on).unwrap();
            [samples.iter().position(is_on).unwrap(), last + 1]
        };
        for (samples, edges) in [(&user, [0.5, 1.5]), (&agent, [1.0, 2.0])] {
            for (found, edge) in half(samples).iter().zip(edges) {
                let expected = (edge * f64::from(rate)) as usize;
                assert!(found.abs_diff(expected) <= 2, "{from}: {found}, not {expected}");
            }
        }
        assert_eq!(agent.len(), 3 * rate as usize);
    }
}

#[test]
fn frames_that_follow_each_other_are_as_smooth_as_one() {
    let sound = tone(440.0, 2.0, 48_000);
    let (mut one, mut many) = (Line::default(), Line::default());
    one.agent(0.0, &sound, 48_000);
    sound.chunks(441).for_each(|frame| many.agent(0.0, frame, 48_000));
    assert_eq!(one.heard("one", None, None), many.heard("many", None, None));
}

#[test]
fn what_is_heard_does_not_depend_on_what_was_heard_before() {
    let said = tone(440.0, 0.5, 24_000);
    let (mut alone, mut after) = (Line::default(), Line::default());
    // One is cut in its middle, the other ends by itself.
    after.agent(0.5, &tone(1_234.0, 2.0, 24_000), 24_000);
    after.clear(0.777);
    after.agent(1.5, &tone(777.0, 0.3, 24_000), 24_000);
    for line in [&mut alone, &mut after] {
        line.agent(3.0, &said, 24_000);
    }
    let [alone, after] =
        [(alone, "alone"), (after, "after")].map(|(line, test)| line.heard(test, None, None).2);
    assert_eq!(loud(&after, 16_000, 0.1).len(), 3);
    assert!(alone[40_000..] == after[40_000..]);
}

#[test]
fn any_mix_of_sound_has_its_length() {
    const SOME: [u32; 8] = [8_000, 11_025, 16_000, 22_050, 24_000, 31_999, 44_100, 48_000];
    for seed in 0..30 {
        let (mut line, mut chance) = (Line::default(), Chance(seed));
        let mut now = 0.0;
        for _ in 0..60 {
            let rate = SOME[(chance.next() * 8.0) as usize];
            let sound = vec![9_000_i16; (chance.next() * 4_000.0) as usize];
            now += 0.05 * chance.next();
            match (chance.next() * 5.0) as usize {
                0 | 1 => line.agent(now, &sound, rate),
                2 => line.user(now, &sound, rate),
                3 => line.user_at(now - chance.next(), &sound, rate),
                _ => line.clear(now),
            }
        }
        let wish = Some(8_000 + (chance.next() * 40_000.0) as u32);
        let (rate, user, agent) = line.heard(&format!("mix-{seed}"), wish, Some(now));
        let length = (now * f64::from(rate)) as usize;
        assert!(user.len().abs_diff(length) <= 1 && user.len() == agent.len());
        assert!(!loud(&user, rate, 1.0).is_empty() && !loud(&agent, rate, 1.0).is_empty());
    }
}

#[test]
fn a_tone_of_mulaw_is_a_tone() {
    // Half of a wave of 1 kHz, up and down.
    let wave = [0xFF_u8, 0x97, 0x8E, 0x97, 0xFF, 0x17, 0x0E, 0x17].repeat(1_000);
    let mut line = Line::default();
    line.user_at(0.0, Mulaw(&wave), 8_000);
    let (rate, user, _) = line.heard("mulaw", None, None);
    assert_eq!((rate, user.len()), (8_000, 8_000));
    assert!(user[..8].iter().map(|sample| sample.signum()).eq([0, 1, 1, 1, 0, -1, -1, -1]));
    assert!(user.iter().all(|sample| sample.unsigned_abs() < 20_000));
}

#[test]
fn the_caller_is_left_and_the_agent_right_each_at_its_time() {
    let mut line = Line::default();
    line.delay(0.1);
    line.agent(0.1, &tone(500.0, 0.5, 24_000), 24_000);
    for frame in tone(700.0, 1.0, 8_000).chunks(160).zip(1..) {
        line.user(1.0 + 0.02 * f64::from(frame.1), frame.0, 8_000);
    }
    line.agent(2.4, &tone(500.0, 3.0, 24_000), 24_000);
    line.clear(3.25);
    let (rate, user, agent) = line.heard("sides", None, Some(4.0));
    let near = |found: &[(f64, f64)], expected: &[(f64, f64)]| {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found.0 - expected.0).abs() < 0.005 && (found.1 - expected.1).abs() < 0.005,
                "{found:?}"
            );
        }
    };
    near(&loud(&user, rate, 0.1), &[(1.0, 2.0)]);
    near(&loud(&agent, rate, 0.1), &[(0.2, 0.7), (2.5, 3.25)]);
}

/// A call with everything in it.
fn call(test: &str) -> (Arc<Recording>, Arc<Placed>) {
    let mut line = Line::default();
    for second in 0..5 {
        let at = f64::from(second);
        line.agent(at, &tone(300.0 + 50.0 * at, 0.7, 24_000), 24_000);
        line.user(at + 1.0, Mulaw(&[0x90, 0x10].repeat(1_000)), 8_000);
        line.user_at(at + 0.1, &[0.25_f32, -0.25].repeat(900), 44_100);
        line.agent(at + 0.3, &[0_i16; 800], 8_000);
        line.clear(at + 0.9);
    }
    let recording = line.recording(test);
    let placed = Arc::new(place(&recording, [], Some(6 * SECOND)).unwrap());
    (recording, placed)
}

#[test]
fn it_is_the_same_each_time_also_when_an_attempt_ends_in_the_middle() {
    let (recording, placed) = call("same");
    let first = wav(&recording, &placed, None);
    assert_eq!(Wav::new(Stereo::new(&recording, &placed, None)).take(3).count(), 3);
    assert!(wav(&recording, &placed, None) == first);
    // Two at the same time.
    let [one, other] = [0; 2].map(|_| Wav::new(Stereo::new(&recording, &placed, None)));
    assert!(one.zip(other).all(|(one, other)| one.unwrap() == other.unwrap()));
}

#[test]
fn a_call_without_sound_is_silence_as_long_as_it_was() {
    let recording = Line::default().recording("nothing");
    for (end, frames) in [(None, 0), (Some(0), 0), (Some(-SECOND), 0), (Some(SECOND), 8_000)] {
        let placed = Arc::new(place(&recording, [], end).unwrap());
        let (rate, user, agent) = read(&wav(&recording, &placed, None));
        assert_eq!((rate, user.len(), agent.len()), (8_000, frames, frames));
        assert!(user.iter().chain(&agent).all(|sample| *sample == 0));
    }
}

#[test]
fn flac_holds_the_same_samples_and_is_smaller() {
    let (recording, placed) = call("flac");
    let (rate, user, agent) = read(&wav(&recording, &placed, None));
    let stereo = || Stereo::new(&recording, &placed, None);
    let file = Flac::new(stereo()).map(Result::unwrap).collect::<Vec<_>>().concat();
    assert_eq!(Flac::new(stereo()).length().unwrap(), file.len() as u64);
    assert!(file.len() < 4 * user.len() / 2, "{} bytes", file.len());
    let mut reader = FlacSampleReader::new(file.as_slice()).unwrap();
    assert_eq!((reader.sample_rate(), reader.channel_count()), (rate, 2));
    assert_eq!(reader.total_samples(), Some(user.len() as u64));
    let mut samples = Vec::new();
    reader.read_to_end(&mut samples).unwrap();
    let expected = user.iter().zip(&agent).flat_map(|(user, agent)| [i32::from(*user), i32::from(*agent)]);
    assert!(samples.into_iter().eq(expected));
    is_read_by_others(&file);
    // What has no window to itself at the end.
    assert_ne!(user.len() % 4_096, 0);
}

/// The program `flac` finds nothing wrong with a file.
fn is_read_by_others(file: &[u8]) {
    let folder = Folder::new("flac-file");
    let path = folder.0.join("call.flac");
    fs::write(&path, file).unwrap();
    let mut flac = Command::new("flac");
    let output = flac.args(["--test", "--silent"]).arg(&path).output();
    assert!(needs("flac", output.is_ok()).is_none_or(|()| output.unwrap().status.success()));
}

#[test]
fn tracks_are_told_apart_however_they_are_mixed() {
    let mut line = Line::default();
    for number in 0..50 {
        for (track, at) in
            [(Track::User, 0.02 * f64::from(number + 1)), (Track::Agent, 0.02 * f64::from(number))]
        {
            match track {
                Track::User => line.user(at, &[1_000_i16; 160], 8_000),
                Track::Agent => line.agent(at, Mulaw(&[0x80; 160]), 8_000),
            }
        }
        line.user_at(5.0 + 0.02 * f64::from(number), &[-3_000_i16; 160], 8_000);
    }
    let (_, user, agent) = line.heard("mixed", None, None);
    assert_eq!(user.len(), 48_000);
    assert!(user[..8_000].iter().all(|sample| *sample == 1_000));
    assert!(user[8_000..40_000].iter().all(|sample| *sample == 0));
    assert!(user[40_000..].iter().all(|sample| *sample == -3_000));
    assert!(agent[..8_000].iter().all(|sample| *sample == 32_124));
}

/// What a page takes of so many seconds of noise: its media type and its bytes, or why it takes none.
#[cfg(feature = "local")]
fn on_a_page(test: &str, seconds: u32) -> (&'static str, Result<Vec<u8>, String>) {
    let (mut line, mut chance) = (Line::default(), Chance(1));
    let noise: Vec<_> = (0..8_000).map(|_| (chance.next() * 60_000.0 - 30_000.0) as i16).collect();
    (0..seconds).for_each(|second| line.user_at(second.into(), &noise, 8_000));
    let recording = line.recording(test);
    let placed = Arc::new(place(&recording, [], None).unwrap());
    let sound = Sound::new(recording, placed, Audio::stereo(), journal()).unwrap().for_page();
    let parts: Result<Vec<_>, _> = sound.parts.collect();
    (sound.media_type, parts.map(|parts| parts.concat()).map_err(|error| error.to_string()))
}

#[test]
#[cfg(feature = "local")]
fn a_page_takes_a_small_recording_as_wav_a_large_one_as_flac_and_no_huge_one() {
    let (wav, small) = on_a_page("page-wav", 131);
    let (flac, large) = on_a_page("page-flac", 132);
    let (small, large) = (small.unwrap(), large.unwrap());
    assert_eq!((wav, &small[..4], small.len()), ("audio/wav", &b"RIFF"[..], 44 + 131 * 32_000));
    assert_eq!((flac, &large[..4]), ("audio/flac", &b"fLaC"[..]));
    assert!(large.len() < 132 * 20_000, "one side is silent");
    let huge = on_a_page("page-huge", 1_100).1.unwrap_err();
    assert_eq!(huge, "it is larger than 16 MiB, even as FLAC");
}
