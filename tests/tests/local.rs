//! Local mode in a process of its own: what a person sees on standard error, and finds in the folder of pages.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::{Backend, Reply};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// A folder of which nothing is left from another run.
fn fresh(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("local").join(test);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder.canonicalize().unwrap()
}

/// What the agent writes to standard error and to standard output.
fn run(folder: &Path, arguments: &[&str]) -> (String, String) {
    let mut agent = Command::new(env!("CARGO_BIN_EXE_local_agent"));
    let output = agent.args(arguments).current_dir(folder).output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}");
    (shown, String::from_utf8(output.stdout).unwrap())
}

/// Both conversations are drawn and kept as pages.
fn are_drawn(shown: &str, folder: &Path) {
    let (first, second) = shown.split_once("after the first").unwrap();
    for (drawing, total) in [(first, "2 turns · 3 spans"), (second, "1 turn · 2 spans")] {
        assert!(drawing.contains(total), "{shown}");
        let (above, below) = drawing.rsplit_once("\npage     ").unwrap();
        let page = below.lines().next().unwrap();
        assert!(above.lines().last().unwrap().starts_with("trace "), "{shown}");
        assert!(Path::new(page).starts_with(folder.join("cekura-traces")), "{page}");
        assert!(fs::read_to_string(page).unwrap().starts_with("<!doctype html>"));
    }
}

#[test]
fn each_conversation_is_drawn_when_it_has_ended() {
    let folder = fresh("drawn");
    let (shown, reports) = run(&folder, &[]);
    are_drawn(&shown, &folder);
    assert_eq!(reports, "3 accepted, 3 delivered\n5 accepted, 5 delivered\n");
}

#[test]
fn in_both_modes_each_conversation_is_delivered_and_drawn() {
    for (number, mode) in ["cloud,local", "Local, CLOUD", "in code"].into_iter().enumerate() {
        let (folder, backend) = (fresh(&format!("both-{number}")), Backend::new());
        let (shown, reports) = run(&folder, &[mode, &backend.url()]);
        are_drawn(&shown, &folder);
        // Behind what an event says of conversations without a call log.
        assert!(reports.ends_with("3 accepted, 3 delivered\n5 accepted, 5 delivered\n"), "{reports}");
        assert_eq!(backend.names(), ["conversation", "conversation", "turn", "turn", "turn"], "{mode}");
    }
}

#[test]
fn two_calls_with_the_trace_id_of_one_carriers_call_are_drawn_and_have_a_page_each() {
    let folder = fresh("carrier");
    let (shown, reports) = run(&folder, &["one carrier's call"]);
    assert_eq!(reports, "2 accepted, 2 delivered\n4 accepted, 4 delivered\n", "{shown}");
    let (first, second) = shown.split_once("after the first").unwrap();
    for (drawing, agent) in [(first, "reception"), (second, "dentist")] {
        assert!(drawing.contains(agent) && drawing.contains(" 2 spans"), "{shown}");
        let (_, page) = drawing.rsplit_once("\npage     ").unwrap();
        let page = fs::read_to_string(page.lines().next().unwrap()).unwrap();
        let others = ["reception", "dentist"].into_iter().filter(|other| page.contains(other));
        assert_eq!(others.collect::<Vec<_>>(), [agent]);
    }
    assert_eq!(pages(&folder.join("cekura-traces")), 2);
}

/// What the agent shows of a call of nine turns and one of one.
fn drawn(test: &str, draw: &str) -> (String, String) {
    let folder = fresh(test);
    let mut agent = Command::new(env!("CARGO_BIN_EXE_local_agent"));
    let output = agent.arg("a long call").env("CEKURA_DRAW", draw).current_dir(&folder).output().unwrap();
    assert_eq!(pages(&folder.join("cekura-traces")), if output.status.success() { 2 } else { 0 });
    (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_long_call_is_drawn_as_is_asked_for() {
    let is_bar = |line: &&str| line.starts_with(['├', '└']);
    for (number, (draw, of_first, of_second)) in
        [("", 0, 1), ("full", 9, 1), ("summary", 0, 0)].into_iter().enumerate()
    {
        let (shown, reports) = drawn(&format!("draw-{number}"), draw);
        let (first, second) = shown.split_once("after the first").unwrap();
        assert_eq!(first.lines().filter(is_bar).count(), of_first, "{draw}: {shown}");
        assert_eq!(second.lines().filter(is_bar).count(), of_second, "{draw}: {shown}");
        let lines = first.lines().filter(|line| line.starts_with("turn ")).count();
        assert_eq!(lines, 9 - of_first, "{draw}: {shown}");
        assert!(
            shown.contains("9 turns · 10 spans") && reports.ends_with("12 accepted, 12 delivered\n"),
            "{reports}"
        );
    }
    let (shown, reports) = drawn("draw-off", "off");
    assert_eq!(shown, "after the first\n", "pages only");
    assert!(reports.ends_with("12 accepted, 12 delivered\n"), "{reports}");
}

#[test]
fn one_line_says_why_nothing_was_sent() {
    let (shown, _) = run(&fresh("why-code"), &[]);
    assert_eq!(
        shown.matches("\nlocal    all stays on this machine: .mode(Mode::Local)\n").count(),
        1,
        "{shown}"
    );
    let (shown, _) = run(&fresh("why-variable"), &["local"]);
    assert_eq!(
        shown.matches("\nlocal    all stays on this machine: CEKURA_MODE=local\n").count(),
        1,
        "{shown}"
    );
    let backend = Backend::new();
    let (shown, _) = run(&fresh("why-both"), &["cloud,local", &backend.url()]);
    assert!(!shown.contains("all stays on this machine"), "{shown}");
}

#[test]
fn what_is_drawn_but_not_delivered_is_counted_as_lost() {
    let (folder, backend) = (fresh("lost"), Backend::scripted(|_, _| Reply::fail(400, 3)));
    let (shown, reports) = run(&folder, &["cloud,local", &backend.url()]);
    are_drawn(&shown, &folder);
    assert!(reports.ends_with("5 accepted, 0 delivered, 5 dropped (rejected 5)\n"), "{reports}");
}

#[test]
fn a_folder_that_cannot_be_written_is_one_event_and_a_line_below_each_drawing() {
    let folder = fresh("in_the_way");
    fs::write(folder.join("cekura-traces"), "a file").unwrap();
    let (shown, reports) = run(&folder, &[]);
    assert!(shown.contains("2 turns · 3 spans") && shown.contains("1 turn · 2 spans"), "{shown}");
    assert_eq!(shown.matches("\npage     no page can be written to /").count(), 2, "{shown}");
    let events: Vec<_> = reports.lines().filter(|line| !line.contains("accepted")).collect();
    assert!(matches!(&events[..], [event] if event.contains("cekura-traces")), "{reports}");
    assert!(reports.ends_with("5 accepted, 5 delivered\n"), "{reports}");
}

#[test]
fn lines_of_the_program_do_not_wait_for_a_drawing_that_is_read_slowly() {
    let folder = fresh("slowly");
    let mut agent = Command::new(env!("CARGO_BIN_EXE_local_agent"));
    let mut agent = agent.arg("talking").current_dir(&folder);
    agent = agent.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut agent = agent.spawn().unwrap();
    let mut shown = agent.stderr.take().unwrap();
    let reader = thread::spawn(move || {
        let (mut some, mut all) = ([0; 4 << 10], Vec::new());
        // A hundred thousand bytes a second.
        while let Ok(count @ 1..) = shown.read(&mut some) {
            all.extend_from_slice(&some[..count]);
            thread::sleep(Duration::from_millis(40));
        }
        String::from_utf8_lossy(&all).into_owned()
    });
    let mut slowest = String::new();
    agent.stdout.take().unwrap().read_to_string(&mut slowest).unwrap();
    agent.kill().unwrap();
    agent.wait().unwrap();
    let slowest: u64 = slowest.trim().parse().unwrap();
    let shown = reader.join().unwrap();
    assert!(shown.contains("\nagent: hello\n") && shown.contains("turn"), "{shown}");
    assert!(slowest < 1_200, "a line took {slowest} ms");
}

/// Ways in which nobody can read standard error.
const UNREAD: [&str; 4] = ["closed", "full", "thrown away", "whoever read it has gone"];

/// What the agent reports of spans whose standard error nobody can read.
fn reports(folder: &Path, unread: &str) -> String {
    let mut agent = Command::new("sh");
    let close = if unread == "closed" { "2>&-" } else { "" };
    agent.args(["-c", &format!("exec {} {close}", env!("CARGO_BIN_EXE_local_agent"))]).current_dir(folder);
    let output = agent.stderr(match unread {
        "full" => File::create("/dev/full").unwrap().into(),
        "thrown away" => Stdio::null(),
        _ => Stdio::from(std::io::pipe().unwrap().1),
    });
    let output = output.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let reports = String::from_utf8(output.stdout).unwrap();
    reports.lines().filter(|line| line.starts_with(char::is_numeric)).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_neither_standard_error_nor_a_page_shows_is_not_delivered() {
    for (number, unread) in UNREAD.iter().enumerate() {
        let folder = fresh(&format!("unseen-{number}"));
        fs::write(folder.join("cekura-traces"), "in the way").unwrap();
        let lost = "3 accepted, 0 delivered, 3 dropped (unreachable 3)\n\
                    5 accepted, 0 delivered, 5 dropped (unreachable 5)";
        assert_eq!(reports(&folder, unread), lost, "{unread}");
    }
}

#[test]
fn what_a_page_shows_is_delivered_whatever_standard_error_is() {
    for (number, unread) in UNREAD.iter().enumerate() {
        let folder = fresh(&format!("page-only-{number}"));
        let delivered = "3 accepted, 3 delivered\n5 accepted, 5 delivered";
        assert_eq!(reports(&folder, unread), delivered, "{unread}");
        assert_eq!(pages(&folder.join("cekura-traces")), 2);
    }
}

#[test]
fn spans_that_the_drawing_has_no_room_for_are_not_delivered() {
    let folder = fresh("large");
    let (shown, reports) = run(&folder, &["large"]);
    let (_, missing) = shown.split_once("\npage     without ").unwrap();
    let missing: usize = missing.split(' ').next().unwrap().parse().unwrap();
    let seen = 3_201 - missing;
    let report = format!("3201 accepted, {seen} delivered, {missing} dropped (queue_full {missing})");
    assert_eq!(reports.lines().find(|line| line.contains("3201 accepted")), Some(&*report));
    let (_, page) = shown.split_once("\npage     /").unwrap();
    let page = format!("/{}", page.lines().next().unwrap());
    assert_eq!(fs::read_to_string(page).unwrap().matches("\"depth\":").count(), seen);
}

/// The pages of a folder, which must be private.
fn pages(folder: &Path) -> usize {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(mode(folder) == 0o700 && files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    let others = [".gitignore", "index.html"].map(|file| folder.join(file));
    assert!(others.iter().all(|file| files.contains(file)), "{files:?}");
    files.len() - others.len()
}

#[test]
fn pages_stay_where_the_handle_was_made_wherever_the_program_goes() {
    for (number, directory) in ["elsewhere", "/"].into_iter().enumerate() {
        let folder = fresh(&format!("moved-{number}"));
        fs::create_dir(folder.join("elsewhere")).unwrap();
        let (shown, reports) = run(&folder, &["local", "", directory, "pwd"]);
        assert!(!reports.contains(&format!("\n{}\n", folder.display())), "it is elsewhere: {reports}");
        let whole = format!("\npage     {}/cekura-traces/20", folder.display());
        assert_eq!(shown.matches(&whole).count(), 2, "{shown}");
        assert_eq!(pages(&folder.join("cekura-traces")), 2);
        assert!(!folder.join("elsewhere/cekura-traces").exists());
    }
}

#[test]
fn a_folder_that_is_removed_is_made_again() {
    for (number, remove) in ["rm -r cekura-traces", "cd / && rm -r \"$OLDPWD\""].into_iter().enumerate() {
        let folder = fresh(&format!("removed-{number}"));
        let (shown, reports) = run(&folder, &["local", "", ".", remove]);
        let whole = format!("\npage     {}/cekura-traces/20", folder.display());
        // Without its directory the program is nowhere, and makes its folder where it was.
        assert_eq!(shown.matches(&whole).count(), 2, "{shown}");
        assert_eq!(pages(&folder.join("cekura-traces")), 1);
        assert!(reports.ends_with("5 accepted, 5 delivered\n"), "{reports}");
    }
}

#[test]
fn a_folder_that_is_replaced_is_closed_to_others_and_no_link_is_followed() {
    let folder = fresh("replaced");
    run(&folder, &["local", "", ".", "rm -r cekura-traces; mkdir -m 777 cekura-traces"]);
    assert_eq!(mode(&folder.join("cekura-traces")), 0o700);
    for (number, link) in ["ln -s ../elsewhere cekura-traces", "mkfifo cekura-traces"].into_iter().enumerate()
    {
        let (folder, elsewhere) = (fresh(&format!("replaced-{number}")), fresh("elsewhere"));
        let (shown, reports) = run(&folder, &["local", "", ".", &format!("rm -r cekura-traces; {link}")]);
        assert_eq!(shown.matches("\npage     no page can be written to /").count(), 1, "{shown}");
        assert!(fs::read_dir(&elsewhere).unwrap().next().is_none());
        assert!(reports.ends_with("5 accepted, 5 delivered\n"), "{reports}");
    }
}

/// What others may do, too.
fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_this_user_reads_pages_whatever_the_umask() {
    for umask in ["0", "022", "077"] {
        let folder = fresh(&format!("umask-{umask}"));
        let agent = format!("umask {umask}; exec {}", env!("CARGO_BIN_EXE_local_agent"));
        let output = Command::new("sh").args(["-c", &agent]).current_dir(&folder).output().unwrap();
        assert!(output.status.success());
        let pages = folder.join("cekura-traces");
        let modes: Vec<_> = fs::read_dir(&pages).unwrap().map(|file| mode(&file.unwrap().path())).collect();
        assert_eq!((mode(&pages), modes), (0o700, vec![0o600; 4]), "{umask}");
    }
}

#[test]
fn a_link_in_place_of_the_folder_gets_no_page() {
    let (folder, elsewhere) = (fresh("linked"), fresh("linked-elsewhere"));
    symlink(&elsewhere, folder.join("cekura-traces")).unwrap();
    let (shown, reports) = run(&folder, &[]);
    assert_eq!(shown.matches("\npage     no page can be written to /").count(), 2, "{shown}");
    assert!(fs::read_dir(&elsewhere).unwrap().next().is_none() && reports.contains("5 delivered"));
}

/// The page of a call that has ended, and the report.
fn page_of(test: &str, arguments: &[&str]) -> (String, String) {
    let folder = fresh(test);
    let mut agent = Command::new(env!("CARGO_BIN_EXE_page_calls"));
    let output = agent.args(arguments).current_dir(&folder).output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    let (_, page) = shown.rsplit_once("\npage     ").unwrap_or_else(|| panic!("{shown}"));
    let page = fs::read_to_string(page.lines().next().unwrap()).unwrap();
    (page, String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_page_plays_only_what_the_caller_has_agreed_to() {
    for (kind, is_heard) in [("audio-granted", true), ("audio-undecided", false), ("all-granted", true)] {
        let (page, _) = page_of(kind, &[kind]);
        assert_eq!(page.contains("data:audio"), is_heard, "{kind}");
        assert!(page.contains("Do you have time?"), "{kind}");
    }
    let folder = fresh("all-undecided");
    let mut agent = Command::new(env!("CARGO_BIN_EXE_page_calls"));
    let output = agent.arg("all-undecided").current_dir(&folder).output().unwrap();
    assert!(!String::from_utf8(output.stderr).unwrap().contains("Do you have time?"));
    assert!(!folder.join("cekura-traces").exists(), "nobody has agreed to anything");
}

/// What stands between two texts.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before}"));
    rest.split_once(after).unwrap().0
}

fn data_of(page: &str) -> Value {
    serde_json::from_str(between(page, r#"<script id="data" type="application/json">"#, "</script")).unwrap()
}

#[test]
fn beside_a_delivery_the_page_plays_what_is_posted() {
    let (backend, api) = (Backend::new(), Api::new());
    let (page, report) = page_of("both-heard", &["heard", &backend.url(), &api.url()]);
    let seen = api.seen().into_iter().find(|seen| seen.method == "POST").unwrap();
    let audio = BASE64_STANDARD.decode(between(&page, "data:audio/wav;base64,", "\"")).unwrap();
    assert!(audio == seen.recording.unwrap().bytes, "the same file, to the last sample");
    let starts = |entries: &Value, key: &str| -> Vec<f64> {
        entries.as_array().unwrap().iter().map(|entry| entry[key].as_f64().unwrap()).collect()
    };
    let (data, posted) = (data_of(&page), starts(&seen.body["transcript_json"], "start_time"));
    let shown: Vec<_> = starts(&data["transcript"], "start").iter().map(|start| start / 1e9).collect();
    assert!(shown == posted && shown.len() == 2, "{shown:?} is shown, {posted:?} is posted");
    assert!(report.contains("recordings: 1 recorded, 1 delivered"), "{report}");
}

#[test]
fn what_the_caller_refuses_is_neither_posted_nor_on_the_page() {
    let (backend, api) = (Backend::new(), Api::new());
    let (page, _) = page_of("both-refused", &["refused", &backend.url(), &api.url()]);
    assert!(api.seen().iter().all(|seen| seen.recording.is_none()));
    assert!(!page.contains("data:audio") && page.contains("unless its caller refuses"));
}

#[test]
fn in_local_mode_a_recording_that_is_on_the_page_is_delivered_and_another_is_not() {
    for (kind, counts) in [
        ("heard", "1 recorded, 1 delivered"),
        ("huge", "1 recorded, 0 delivered, 1 dropped"),
        ("unheard", ""),
    ] {
        let (page, report) = page_of(&format!("local-{kind}"), &[kind]);
        assert_eq!(page.contains("data:audio"), kind == "heard");
        assert_eq!(report.trim_end().split_once("recordings: ").map_or("", |(_, counts)| counts), counts);
        assert!(data_of(&page)["unheard"].is_string() || kind == "heard", "it says why");
    }
}
