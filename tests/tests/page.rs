//! The page of a conversation in headless Chromium: what it shows, and what it does with clicks and keys. What is
//! checked stands in `tests/browser/page.mjs`, and beside it in `sound.mjs` (its recording), `logs.mjs` (what was logged), `turns.mjs`
//! and `speed.mjs`.
//!
//! `tests/browser/install.sh` installs what this needs. Without it these tests are skipped.

use cekura_trace_tests::tools;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The page of a call that a program takes in local mode.
fn page(program: &mut Command, check: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page").join(check);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let agent = program.current_dir(&folder).output().unwrap();
    let shown = String::from_utf8(agent.stderr).unwrap();
    let (_, path) = shown.rsplit_once("\npage     ").unwrap_or_else(|| panic!("{shown}"));
    path.lines().next().unwrap().into()
}

fn check(kind: &str, check: &str) {
    check_of(Command::new(env!("CARGO_BIN_EXE_page_calls")).arg(kind), check);
}

fn check_of(program: &mut Command, check: &str) {
    let driver = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser");
    let has_driver = driver.join("node_modules/playwright-core").is_dir();
    let installed = tools::is_there("chromium") && tools::is_there("node");
    if !installed || !tools::needs("playwright-core (tests/browser/install.sh)", has_driver) {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/page.mjs");
    let mut node = Command::new("node");
    let output = node.arg(script).arg(driver).arg(page(program, check)).arg(check).output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn it_writes_numbers_as_the_terminal_does() {
    check("clinic", "writes_numbers_as_the_terminal_does");
}

#[test]
fn it_says_what_happened() {
    check("clinic", "says_what_happened");
}

#[test]
fn it_lists_the_turns_by_latency() {
    check("turns-20", "lists_the_turns");
}

#[test]
fn it_reaches_each_of_many_turns_by_keyboard() {
    check("turns-200", "reaches_each_turn");
}

#[test]
fn it_draws_each_turn_on_an_axis_of_its_own() {
    check("turns-20", "draws_each_turn_by_itself");
}

#[test]
fn it_fits_every_window_with_many_turns() {
    check("turns-20", "fits_every_window_with_turns");
}

#[test]
fn its_list_has_all_calls() {
    check("turns-4", "lists_all_calls");
}

#[test]
fn it_obeys_keys() {
    check("clinic", "obeys_keys");
}

#[test]
fn it_obeys_the_pointer() {
    check("clinic", "obeys_the_pointer");
}

#[test]
fn it_joins_transcript_and_spans() {
    check("clinic", "joins_transcript_and_spans");
}

#[test]
fn it_shows_content_as_text() {
    check("hostile", "shows_content_as_text");
}

#[test]
fn it_opens_20000_lines_in_seconds() {
    check("talkative", "opens_20000_lines_in_seconds");
}

#[test]
fn it_makes_at_once_what_is_asked_for() {
    check("talkative", "makes_at_once_what_is_asked_for");
}

#[test]
fn it_opens_2000_spans_at_once() {
    check("long", "opens_2000_spans_at_once");
}

#[test]
fn it_shows_the_call_log() {
    check("observed", "shows_the_call_log");
}

#[test]
fn it_is_fine_without_content() {
    check("metadata", "is_fine_without_content");
}

#[test]
fn it_reads_aloud() {
    check("clinic", "reads_aloud");
}

#[test]
fn it_says_why_it_is_empty_without_scripts() {
    check("clinic", "says_why_it_is_empty_without_scripts");
}

#[test]
fn it_fits_every_window() {
    check("clinic", "fits_every_window");
}

#[test]
fn it_prints_whole() {
    check("clinic", "prints_whole");
}

#[test]
fn it_plays_the_recording_on_the_axis() {
    check("heard", "plays_on_the_axis");
}

#[test]
fn it_has_each_side_where_it_spoke() {
    check("heard", "hears_each_side_where_it_spoke");
}

#[test]
fn it_seeks_by_click_and_keys() {
    check("talking", "seeks_by_click_and_keys");
}

#[test]
fn it_plays_a_span_or_a_line_from_its_start() {
    check("heard", "plays_a_span_or_a_line_from_its_start");
}

#[test]
fn it_mutes_each_side() {
    check("talking", "mutes_each_side");
}

#[test]
fn it_lists_log_lines() {
    check("heard", "lists_log_lines");
}

#[test]
fn it_marks_log_lines_where_they_were_said() {
    check("logged", "marks_log_lines_where_they_were_said");
}

#[test]
fn it_says_a_log_line_that_the_pointer_or_the_keyboard_is_on() {
    check("logged", "says_the_line_under_the_pointer");
    check("logged", "goes_from_line_to_line_by_keys");
}

#[test]
fn it_plays_from_the_mark_of_a_log_line() {
    check("heard", "plays_from_a_mark");
}

#[test]
fn its_marks_keep_still_in_every_window() {
    check("logged", "marks_keep_still_in_every_window");
    check("heard", "marks_keep_still_in_every_window");
}

#[test]
fn it_has_no_marks_where_nothing_was_logged() {
    check("clinic", "has_no_marks");
}

#[test]
fn it_says_why_there_is_no_recording() {
    for kind in ["clinic", "huge", "refused", "unheard"] {
        check(kind, "says_why_there_is_no_recording");
    }
}

#[test]
fn its_player_keeps_still_in_every_window() {
    check("heard", "keeps_still_in_every_window");
}

#[test]
fn its_player_is_read_aloud() {
    check("heard", "reads_the_player_aloud");
}

#[test]
fn it_plays_without_scripts() {
    check("heard", "plays_without_scripts");
}

#[test]
fn it_plays_the_call_of_the_example() {
    let tests = std::env::current_exe().unwrap();
    let example = tests.parent().and_then(Path::parent).unwrap().join("examples/voice_agent");
    if tools::needs("the built example voice_agent", example.exists()) {
        check_of(Command::new(example).env_clear().env("CEKURA_MODE", "local"), "plays_the_example");
    }
}
