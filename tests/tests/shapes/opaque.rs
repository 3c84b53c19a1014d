//! What services say where no walk comes: in headers, and in values that serialise to nothing.

use cekura::testing::capture;
use cekura_trace_tests::vendors::said;
use http::HeaderMap;

/// Audio, as a client of a speech service gives it.
struct Reply {
    headers: HeaderMap,
    audio: Vec<u8>,
}

impl Reply {
    fn new(headers: &[(&'static str, &'static str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Self { headers: headers.collect(), audio: vec![0; 320] }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

#[test]
fn speech_is_billed_in_headers() {
    #[cekura::tts(characters = |reply: &Reply| {
        let cost = reply.header("character-cost").or(reply.header("x-character-cost"));
        cost?.parse::<u32>().ok()
    })]
    fn say(_text: &str) -> Reply {
        Reply::new(&[("x-character-cost", "6")])
    }
    #[cekura::tts(
        provider = "deepgram",
        characters = |reply: &Reply| reply.header("dg-char-count")?.parse::<u32>().ok(),
        record(
            "gen_ai.response.id" = |reply: &Reply| reply.header("dg-request-id"),
            "gen_ai.response.model" = |reply: &Reply| reply.header("dg-model-name"),
        )
    )]
    fn speak(text: &str) -> Reply {
        let _ = text;
        Reply::new(&[
            ("dg-char-count", "15"),
            ("dg-request-id", "r-1"),
            ("dg-model-name", "aura-2-thalia-en"),
        ])
    }
    let trace = capture(|| assert_eq!(speak("We are open.").audio.len(), 320));
    let expected = [
        "gen_ai.provider.name = deepgram",
        "gen_ai.response.id = r-1",
        "gen_ai.response.model = aura-2-thalia-en",
        "text = We are open.",
        "tts.characters = 15",
        "tts.provider = deepgram",
    ];
    assert_eq!(said(&trace), expected);
    assert_eq!(said(&capture(|| say("We are open.").audio.len())), ["tts.characters = 6"]);
}

#[test]
fn segments_without_serde() {
    struct Segment {
        text: &'static str,
        no_speech: f32,
    }
    #[cekura::stt(
        transcript = |segments: &Vec<Segment>| segments.iter().map(|segment| segment.text).collect::<String>(),
        confidence = |segments: &Vec<Segment>| segments.first().map(|segment| 1.0 - segment.no_speech)
    )]
    fn hear() -> Vec<Segment> {
        vec![Segment { text: " When do", no_speech: 0.25 }, Segment { text: " you close?", no_speech: 0.5 }]
    }
    assert_eq!(said(&capture(hear)), ["stt.confidence = 0.75", "stt.transcript =  When do you close?"]);
}
