//! When sound was heard that came late, in bursts, with gaps, or ahead of time.

use super::{Chance, SECOND, seconds};
use crate::call::audio::block::{Form, Head, Track};
use crate::delivery::audio::place::{Heard, Piece, Placed, Placing, length};

const FRAME: f64 = 0.02;
/// What the network takes at least.
const NETWORK: f64 = 0.02;

fn head(track: Track, at: i64, count: u32, rate: u32) -> Head {
    Head { track, form: Form::Linear, is_fixed: false, rate, count, at }
}

fn event(form: Form, at: f64) -> Head {
    Head { form, ..head(Track::Agent, seconds(at), 0, 0) }
}

/// Places blocks, each of which begins where its number says.
fn place(heads: &[Head], end: Option<f64>) -> Placed {
    let mut placing = Placing::default();
    heads.iter().zip(0..).for_each(|(head, at)| placing.push(at, head));
    placing.finish(end.map(seconds))
}

/// When each frame of a track is heard.
fn starts(pieces: &[Piece], heads: &[Head]) -> Vec<i64> {
    let mut starts = vec![i64::MIN; heads.len()];
    for piece in pieces {
        let (mut start, mut left) = (piece.start, piece.count);
        let blocks = heads.iter().zip(&mut starts).skip(usize::try_from(piece.at).unwrap());
        for (head, place) in blocks.take_while(|(head, _)| head.rate == piece.rate) {
            if left < u64::from(head.count) {
                break;
            }
            *place = start;
            start += length(head.count.into(), head.rate);
            left -= u64::from(head.count);
        }
    }
    starts
}

/// Frames of 20 ms that a caller's microphone gives from `from` on; `came` says when one arrives that was over at a time.
fn spoken(frames: u32, came: impl FnMut(f64) -> Option<f64>) -> (Vec<f64>, Vec<Head>) {
    let mut came = came;
    let mut latest = 0.0_f64;
    let frames = (0..frames).map(|number| f64::from(number) * FRAME);
    frames
        .filter_map(|began| {
            latest = latest.max(came(began + FRAME)?);
            Some((began, head(Track::User, seconds(latest), 160, 8_000)))
        })
        .unzip()
}

/// The largest error of all frames, in milliseconds, beside what the network takes at least.
fn error(truth: &[f64], heads: &[Head]) -> f64 {
    let placed = place(heads, None);
    let starts = starts(&placed.user, heads);
    // Where two overlap, some of the first frame is left out.
    let errors = truth.iter().zip(starts).filter(|(_, start)| *start > i64::MIN);
    let errors: Vec<_> =
        errors.map(|(truth, start)| (start - seconds(truth + NETWORK)).abs() as f64 / 1e6).collect();
    assert!(errors.len() > truth.len() / 100 * 99, "{} of {}", errors.len(), truth.len());
    errors.into_iter().fold(0.0, f64::max)
}

/// What would be the error if each frame stood where it came.
fn error_at_arrival(truth: &[f64], heads: &[Head]) -> f64 {
    let errors = truth.iter().zip(heads);
    errors
        .map(|(truth, head)| (head.at - seconds(truth + NETWORK + FRAME)).abs() as f64 / 1e6)
        .fold(0.0, f64::max)
}

fn jitter(chance: &mut Chance) -> f64 {
    NETWORK + 0.02 * chance.next()
}

/// With these times of a stall in the network, after each of which all comes at once.
fn stalled(frames: u32, stalls: &[(f64, f64)]) -> (Vec<f64>, Vec<Head>) {
    let mut chance = Chance(7);
    spoken(frames, |over| {
        let came = over + jitter(&mut chance);
        let stall = stalls.iter().find(|(from, to)| (*from..*to).contains(&came));
        Some(stall.map_or(came, |(_, to)| *to))
    })
}

#[test]
fn a_stall_and_its_burst_leave_everything_where_it_was_said() {
    let (truth, heads) = stalled(1_000, &[(5.0, 6.5)]);
    assert!(error_at_arrival(&truth, &heads) > 1_400.0);
    let error = error(&truth, &heads);
    assert!(error < 30.0, "{error} ms");
}

#[test]
fn so_do_five_stalls_and_a_stall_at_the_begin_and_at_the_end() {
    for stalls in [
        &[(1.0, 2.0), (4.0, 5.5), (5.6, 9.0), (12.0, 12.3), (15.0, 19.0)][..],
        &[(0.0, 1.5)],
        &[(18.0, 20.03)],
        &[(0.0, 20.03)],
    ] {
        let (truth, heads) = stalled(1_000, stalls);
        let error = error(&truth, &heads);
        assert!(error < 30.0, "{stalls:?}: {error} ms");
    }
}

#[test]
fn a_caller_who_is_mute_for_ten_seconds_is_silent_for_ten_seconds() {
    let mut chance = Chance(3);
    let is_mute = |over: f64| (4.0..14.0).contains(&over);
    let (truth, heads) = spoken(1_000, |over| (!is_mute(over)).then(|| over + jitter(&mut chance)));
    let error = error(&truth, &heads);
    assert!(error < 45.0, "{error} ms");
    let placed = place(&heads, None);
    let gaps = placed.user.windows(2).map(|pair| pair[1].start - pair[0].end());
    let longest = gaps.max().unwrap();
    assert!(longest.abs_diff(10 * SECOND) < 50_000_000, "{longest}");
}

#[test]
fn frames_that_are_lost_are_gaps_and_move_nothing() {
    let mut chance = Chance(11);
    let (truth, heads) = spoken(3_000, |over| {
        let came = over + jitter(&mut chance);
        (chance.next() > 0.02).then_some(came)
    });
    assert!(heads.len() < 2_970);
    let error = error(&truth, &heads);
    assert!(error < 30.0, "{error} ms");
}

#[test]
fn a_clock_that_is_fast_or_slow_moves_nothing_in_an_hour() {
    for drift in [-1e-4, 1e-4, -3e-4, 0.0] {
        let mut chance = Chance(5);
        let (truth, heads) = spoken(180_000, |over| Some(1.0 + over * (1.0 + drift) + jitter(&mut chance)));
        let truth: Vec<_> = truth.iter().map(|began| 1.0 + began * (1.0 + drift)).collect();
        let error = error(&truth, &heads);
        assert!(error < 45.0, "{drift}: {error} ms");
        let pieces = place(&heads, None).user.len();
        assert!(pieces < 150, "{drift}: {pieces} pieces");
    }
}

#[test]
fn a_stall_of_minutes_leaves_everything_where_it_was_said() {
    for stall in [(30.0, 200.0), (0.0, 250.0), (100.0, 160.0)] {
        let (truth, heads) = stalled(15_000, &[stall]);
        let error = error(&truth, &heads);
        assert!(error < 80.0, "{stall:?}: {error} ms");
    }
}

#[test]
fn chance_makes_no_gaps_in_what_is_said() {
    let mut chance = Chance(9);
    let (_, heads) = spoken(3_000, |over| Some(over + NETWORK + 0.009 * chance.next()));
    assert_eq!(place(&heads, None).user.len(), 1);
}

#[test]
fn what_was_said_before_the_conversation_is_left_out() {
    // A second in one piece, half of which was before.
    let heads = [head(Track::User, SECOND / 2, 8_000, 8_000), head(Track::User, SECOND, 4_000, 8_000)];
    let placed = place(&heads, None);
    let piece = placed.user[0];
    assert_eq!((placed.user.len(), piece.start, piece.skip, piece.count), (1, 0, 4_000, 8_000));
    assert_eq!(placed.length, SECOND);
}

#[test]
fn sound_of_known_begin_stands_there_in_any_order_and_the_later_one_is_heard() {
    let fixed = |at: f64, count| Head { is_fixed: true, ..head(Track::User, seconds(at), count, 8_000) };
    let heads = [fixed(3.0, 8_000), fixed(4.0, 8_000), fixed(1.0, 8_000), fixed(4.5, 800), fixed(4.604, 800)];
    let placed = place(&heads, None);
    let found: Vec<_> = placed.user.iter().map(|piece| (piece.start, piece.count, piece.at)).collect();
    // What touches but for 4 ms is one.
    assert_eq!(
        found,
        [(seconds(1.0), 8_000, 2), (seconds(3.0), 12_000, 0), (seconds(4.5), 1_600, 3)],
        "seconds 3 and 4 are one piece, which ends where another begins"
    );
}

#[test]
fn rates_may_change_in_the_middle() {
    let rates = [8_000, 16_000, 16_000, 8_000, 44_100, 11_025];
    let heads: Vec<_> = rates
        .iter()
        .zip(1..)
        .flat_map(|(rate, at)| {
            [Track::User, Track::Agent].map(|track| head(track, at * SECOND, *rate, *rate))
        })
        .collect();
    let placed = place(&heads, None);
    let pieces = |pieces: &[Piece]| -> Vec<_> {
        pieces.iter().map(|piece| (piece.start / SECOND, piece.rate, piece.count)).collect()
    };
    let expected = [(0, 8_000, 8_000), (1, 16_000, 32_000), (3, 8_000, 8_000), (4, 44_100, 44_100)];
    assert_eq!(pieces(&placed.user), [&expected[..], &[(5, 11_025, 11_025)]].concat());
    // The agent is heard a second later: when what it says has come.
    let later = expected.map(|(start, rate, count)| (start + 1, rate, count));
    assert_eq!(pieces(&placed.agent), [&later[..], &[(6, 11_025, 11_025)]].concat());
}

/// Speech that is given in frames of 20 ms, five times as fast as it is played.
fn given(from: f64, length: f64) -> Vec<Head> {
    let frames = (length / FRAME).round() as u32;
    let came = |number| seconds(from + f64::from(number) * FRAME / 5.0);
    (0..frames).map(|number| head(Track::Agent, came(number), 480, 24_000)).collect()
}

fn agent(placed: &Placed) -> Vec<(i64, i64)> {
    placed.agent.iter().map(|piece| (piece.start, piece.end())).collect()
}

#[test]
fn speech_that_comes_faster_than_it_is_played_is_played_one_after_the_other() {
    let heads = [given(1.0, 3.0), given(1.7, 2.0), given(10.0, 1.0)].concat();
    let parts = agent(&place(&heads, None));
    assert_eq!(parts, [(seconds(1.0), seconds(6.0)), (seconds(10.0), seconds(11.0))]);
}

#[test]
fn speech_that_is_cleared_ends_there_and_what_comes_then_begins_there() {
    for pause in [0.0, 0.05, 0.5] {
        let mut heads = given(1.0, 4.0);
        heads.push(event(Form::Clear, 3.25));
        heads.extend(given(3.25 + pause, 1.0));
        let parts = agent(&place(&heads, None));
        let begin = 3.25 + pause;
        assert_eq!(parts, [(seconds(1.0), seconds(3.25)), (seconds(begin), seconds(begin + 1.0))]);
    }
}

#[test]
fn of_speech_that_is_cleared_before_its_begin_nothing_is_heard() {
    let mut heads = [given(1.0, 1.0), given(1.3, 1.0)].concat();
    heads.push(event(Form::Clear, 1.5));
    heads.push(event(Form::Clear, 1.6));
    assert_eq!(agent(&place(&heads, None)), [(seconds(1.0), seconds(1.5))]);
    // Nor does a clear before anything change anything.
    let early = [vec![event(Form::Clear, 0.5)], given(1.0, 1.0)].concat();
    assert_eq!(agent(&place(&early, None)), [(seconds(1.0), seconds(2.0))]);
}

#[test]
fn speech_that_comes_a_little_late_has_no_gap_and_much_later_one() {
    let frames = |late: f64| {
        let second = head(Track::Agent, seconds(2.0 + late), 24_000, 24_000);
        agent(&place(&[head(Track::Agent, SECOND, 24_000, 24_000), second], None))
    };
    assert_eq!(frames(0.09), [(SECOND, 3 * SECOND)]);
    assert_eq!(frames(0.11), [(SECOND, 2 * SECOND), (seconds(2.11), seconds(3.11))]);
}

#[test]
fn an_agent_that_is_heard_later_is_placed_later() {
    let mut heads = vec![event(Form::Delay, 0.2)];
    heads.extend(given(1.0, 2.0));
    heads.push(event(Form::Clear, 2.0));
    assert_eq!(agent(&place(&heads, None)), [(seconds(1.2), seconds(2.0))]);
}

#[test]
fn the_end_of_the_call_is_the_end_of_all_sound() {
    let mut heads = given(1.0, 10.0);
    heads.push(head(Track::User, seconds(4.0), 8_000, 8_000));
    let placed = place(&heads, Some(3.5));
    assert_eq!(agent(&placed), [(SECOND, seconds(3.5))]);
    assert_eq!((placed.user[0].end(), placed.length), (seconds(3.5), seconds(3.5)));
    assert_eq!(place(&heads, Some(20.0)).length, 20 * SECOND);
}

#[test]
fn what_was_heard_of_each_speech_is_known() {
    let mut heads = [given(1.0, 3.0), given(1.7, 2.0), given(2.2, 2.0)].concat();
    // In the middle of the second one; a word of it comes although nobody is to hear it.
    heads.push(event(Form::Clear, 5.0));
    heads.extend(given(5.01, 0.5));
    heads.extend(given(9.0, 4.0));
    let times = [(1.0, 1.7), (1.7, 2.2), (2.2, 5.0), (5.0, 6.0), (9.0, 20.0), (30.0, 31.0), (0.0, 40.0)];
    let mut placing = Placing::new(times.map(|(from, to)| seconds(from)..seconds(to)));
    heads.iter().zip(0..).for_each(|(head, at)| placing.push(at, head));
    let heard = placing.finish(Some(seconds(10.0))).heard;
    let share = |heard: &Heard| [heard.given, heard.played].map(|time| time as f64 / 1e9);
    let shares: Vec<_> = heard.iter().map(share).collect();
    assert_eq!(shares, [[3.0, 3.0], [2.0, 1.0], [2.0, 0.0], [0.5, 0.5], [4.0, 1.0], [0.0, 0.0], [11.5, 5.5]]);
}

#[test]
fn no_time_and_no_length_makes_it_stumble() {
    let times = [i64::MIN, -1, 0, 1, i64::MAX];
    let mut heads = Vec::new();
    for at in times {
        for count in [0, 1, u32::MAX] {
            for (track, is_fixed) in [(Track::User, false), (Track::User, true), (Track::Agent, false)] {
                heads.push(Head { is_fixed, ..head(track, at, count, 1_000) });
            }
        }
        heads.push(Head { at, ..event(Form::Clear, 0.0) });
        heads.push(Head { at, ..event(Form::Delay, 0.0) });
        for end in [None, Some(0.0), Some(3.0), Some(1e12)] {
            let mut placing = Placing::new(std::iter::once(0..i64::MAX));
            heads.iter().zip(0..).for_each(|(head, at)| placing.push(at, head));
            let placed = placing.finish(end.map(seconds));
            assert!(placed.length <= 2 * 60 * 60 * SECOND);
            for pieces in [&placed.user, &placed.agent] {
                assert!(pieces.iter().all(|piece| piece.start >= 0 && piece.end() <= placed.length));
                assert!(pieces.windows(2).all(|pair| pair[0].end() <= pair[1].start));
            }
        }
    }
}
