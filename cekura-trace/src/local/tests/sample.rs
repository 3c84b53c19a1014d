//! Builds a tree of finished spans from milliseconds, names and texts. It goes through the records that
//! recording writes.

use crate::finished::{self, Head, Span, Status, Tree, write};
use crate::semconv as key;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};

/// Spans of one trace, written one after the other.
pub(in crate::local) struct Sample {
    buffer: Vec<u8>,
    next: u64,
}

/// 2026-11-21, 09:31 UTC.
pub(in crate::local) const START: u64 = 1_795_253_460_000_000_000;
const MILLISECOND: u64 = 1_000_000;

type Entries<'a> = &'a dyn Fn(&mut Vec<u8>);

impl Sample {
    pub(in crate::local) fn new() -> Self {
        Self { buffer: Vec::new(), next: 1 }
    }

    /// Writes a span from one millisecond of the call to another.
    pub(in crate::local) fn span(
        &mut self,
        parent: SpanId,
        name: &str,
        time: [u64; 2],
        entries: Entries<'_>,
    ) -> SpanId {
        self.write(parent, name, time, None, entries)
    }

    pub(in crate::local) fn failed(
        &mut self,
        parent: SpanId,
        name: &str,
        time: [u64; 2],
        why: &str,
        entries: Entries<'_>,
    ) -> SpanId {
        self.write(parent, name, time, Some(why), entries)
    }

    fn write(
        &mut self,
        parent: SpanId,
        name: &str,
        time: [u64; 2],
        why: Option<&str>,
        entries: Entries<'_>,
    ) -> SpanId {
        let span_id = SpanId::from(self.next);
        self.next += 1;
        let [start, end] = time.map(|at| START + at * MILLISECOND);
        let head = Head {
            trace_id: TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
            span_id,
            parent_id: parent,
            kind: SpanKind::Internal,
            start,
            end,
            status: if why.is_some() { Status::Error } else { Status::Unset },
        };
        let mut written = Vec::new();
        entries(&mut written);
        self.buffer.extend(head.record(name, why.unwrap_or_default(), &written));
        span_id
    }

    pub(in crate::local) fn tree(&self) -> Tree {
        let spans: Vec<Span> =
            finished::records(&self.buffer).map(|(record, _)| Span::from(&record)).collect();
        Tree::from(spans)
    }

    fn turn(&mut self, root: SpanId, number: i64, time: [u64; 2], latency: f64, interrupted: bool) -> SpanId {
        self.span(root, "turn", time, &|out| {
            write::integer(out, key::TURN_NUMBER, number);
            write::float(out, key::TURN_USER_BOT_LATENCY_SECONDS, latency);
            write::flag(out, key::TURN_WAS_INTERRUPTED, interrupted);
        })
    }

    fn stt(&mut self, turn: SpanId, time: [u64; 2], transcript: &str) {
        self.span(turn, "stt", time, &|out| {
            write::text(out, key::STT_PROVIDER, "deepgram");
            write::text(out, key::GEN_AI_REQUEST_MODEL, "nova-3");
            write::text(out, key::STT_TRANSCRIPT, transcript);
        });
    }

    fn llm(&mut self, turn: SpanId, time: [u64; 2], first: f64, tokens: [i64; 2], output: &str) -> SpanId {
        self.span(turn, "llm", time, &|out| {
            write::text(out, key::GEN_AI_PROVIDER_NAME, "openai");
            write::text(out, key::GEN_AI_REQUEST_MODEL, "gpt-4.1-mini");
            write::integer(out, key::GEN_AI_USAGE_INPUT_TOKENS, tokens[0]);
            write::integer(out, key::GEN_AI_USAGE_OUTPUT_TOKENS, tokens[1]);
            write::float(out, key::METRICS_TTFB, first);
            if output.is_empty() {
                write::texts(out, key::GEN_AI_RESPONSE_FINISH_REASONS, &["tool_calls"]);
            } else {
                write::text(out, key::OUTPUT, output);
            }
        })
    }

    fn tts(&mut self, turn: SpanId, time: [u64; 2], text: &str, interrupted: bool) {
        self.span(turn, "tts", time, &|out| {
            write::text(out, key::TTS_PROVIDER, "elevenlabs");
            write::text(out, key::GEN_AI_REQUEST_MODEL, "eleven_flash_v2_5");
            write::text(out, key::TEXT, text);
            let characters = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            write::integer(out, key::TTS_CHARACTERS, characters);
            write::float(out, key::METRICS_TTFB, 0.21);
            if interrupted {
                write::flag(out, key::CEKURA_INTERRUPTED, true);
            }
        });
    }
}

fn tool(out: &mut Vec<u8>, name: &str, input: &str, output: &str) {
    write::text(out, key::FUNCTION_NAME, name);
    write::text(out, key::FUNCTION_INPUT, input);
    if !output.is_empty() {
        write::text(out, key::FUNCTION_OUTPUT, output);
    }
}

/// A caller moves an appointment: a barge-in, a tool that fails, and a story of 2 KB.
pub(in crate::local) fn clinic() -> Tree {
    let mut call = Sample::new();
    let root = call.span(SpanId::INVALID, "conversation", [0, 31_420], &|out| {
        write::text(out, key::CALL_ID, "clinic-0931");
        write::text(out, key::CONVERSATION_ID, "clinic-0931");
        write::text(out, key::CONVERSATION_TYPE, "voice");
    });
    call.tts(root, [40, 2_310], "Riverside Clinic, this is Ada. How can I help you?", false);

    let turn = call.turn(root, 1, [2_450, 11_900], 3.36, true);
    call.stt(turn, [2_450, 4_870], "Hi, I need to move my appointment with Dr. Kim to next week, please.");
    let llm = call.llm(turn, [4_890, 7_420], 0.62, [1_204, 31], "");
    let day = r#"{"doctor":"Kim","week":"2026-W48","length_minutes":30}"#;
    let slots = r#"{"slots":["2026-11-24T09:30","2026-11-25T14:00","2026-11-27T11:15"]}"#;
    call.span(llm, "tool_call", [5_610, 7_380], &|out| tool(out, "find_slot", day, slots));
    let offer = "I have Tuesday at half past nine, Wednesday at two, or Friday at a quarter past eleven.";
    call.llm(turn, [7_440, 8_900], 0.48, [1_322, 28], offer);
    call.tts(turn, [8_020, 11_900], offer, true);

    let turn = call.turn(root, 2, [11_900, 21_340], 3.69, false);
    let story =
        "Tuesday half past nine is fine, ".to_owned() + &"and my knee still hurts on the stairs, ".repeat(52);
    call.stt(turn, [11_900, 14_650], &story);
    let llm = call.llm(turn, [14_670, 18_110], 0.71, [1_409, 24], "");
    let slot = r#"{"slot":"2026-11-24T09:30","patient":"P-2207"}"#;
    let why = "calendar did not answer within 2 s: POST /v2/appointments";
    call.failed(llm, "tool_call", [15_500, 17_502], why, &|out| {
        tool(out, "book_slot", slot, "");
        write::text(out, key::ERROR_TYPE, "clinic::CalendarError");
    });
    let sorry = "I could not reach the calendar just now. Shall I have a colleague confirm Tuesday by text?";
    call.llm(turn, [17_520, 18_090], 0.39, [1_498, 22], sorry);
    call.tts(turn, [18_130, 21_340], sorry, false);

    let turn = call.turn(root, 3, [21_600, 31_400], 1.09, false);
    call.stt(turn, [21_600, 23_020], "Yes, 谢谢 🙏 that works. Bye!");
    let check = call.span(turn, "guardrail", [23_022, 23_064], &|out| write::flag(out, key::OUTPUT, true));
    call.span(check, "policy_lookup", [23_030, 23_030], &|_| {});
    call.llm(turn, [23_070, 24_610], 0.44, [1_561, 35], "Done: a colleague will text you. Goodbye!");
    call.tts(turn, [23_900, 31_400], "Done: a colleague will text you. Goodbye!", false);
    call.tree()
}
