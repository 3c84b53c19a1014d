//! Sound that must be nowhere: a tone is handed over where a call may not be recorded, and every server, file, page and event
//! is searched for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cekura_trace_tests::tone::{CANARY, has_tone, level, mulaw, tone};
use std::fs;
use std::path::Path;

/// Frames of 20 ms, each behind a head.
fn blocks(samples: &[i16], rate: u32) -> Vec<u8> {
    let frames = samples.chunks(rate as usize / 50);
    frames.flat_map(|frame| [vec![7; 20], pcm(frame)].concat()).collect()
}

fn pcm(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// The tone beside another sound on the other channel, which is the left one or the right one.
fn beside(samples: &[i16], is_left: bool) -> Vec<u8> {
    let other = (0..).map(|at: i64| i16::try_from(at * at * 7_919 % 20_011).unwrap());
    let frames = samples.iter().zip(other);
    pcm(&frames
        .flat_map(|(one, other)| if is_left { [*one, other] } else { [other, *one] })
        .collect::<Vec<_>>())
}

#[test]
fn a_tone_is_found_in_every_form() {
    for rate in [8_000, 16_000, 24_000, 48_000] {
        let samples = tone(CANARY, 0.1, rate);
        let page =
            format!("<audio src=\"data:audio/wav;base64,{}\">", STANDARD.encode(beside(&samples, false)));
        let forms = [
            ("blocks", blocks(&samples, rate)),
            ("the left channel", beside(&samples, true)),
            ("the right channel", beside(&samples, false)),
            ("an odd place", [b"odd".to_vec(), beside(&samples, false)].concat()),
            ("µ-law", mulaw(&samples)),
            ("a page", page.into_bytes()),
        ];
        for (form, bytes) in forms {
            assert!(has_tone(&bytes, CANARY), "{form} at {rate}");
        }
        assert!(level(&samples, CANARY, rate).abs() < 0.1 && level(&samples, 440.0, rate) < -20.0);
    }
}

#[test]
fn nothing_else_is_taken_for_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in ["README.md", "Cargo.lock", "docs/performance.svg", "examples/voice_agent/caller.wav"] {
        assert!(!has_tone(&fs::read(root.join(file)).unwrap(), CANARY), "{file}");
    }
    for rate in [8_000, 16_000, 24_000, 48_000] {
        for hertz in [300.0, 440.0, 1_000.0, 3_000.0] {
            let samples = tone(hertz, 0.1, rate);
            for bytes in [blocks(&samples, rate), beside(&samples, true), mulaw(&samples)] {
                assert!(!has_tone(&bytes, CANARY), "{hertz} Hz at {rate}");
            }
        }
    }
    assert!(!has_tone(&[0; 10_000], CANARY) && !has_tone(&[], CANARY));
}
