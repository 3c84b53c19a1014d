//! Which files the folder of pages gets, and which it loses.

use super::{Folder, INDEX, Limits, SoundFile, UNFINISHED, is_page, name, safe, utc};
use crate::finished::{Tree, write};
use crate::local::tests::sample::{self, Sample};
use crate::semconv as key;
use opentelemetry::trace::SpanId;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// A path of which nothing exists, below the folder that cargo builds in.
fn fresh(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/pages").join(test);
    drop(fs::remove_dir_all(&path));
    path
}

fn call(id: &str) -> Tree {
    let mut call = Sample::new();
    call.span(SpanId::INVALID, "conversation", [0, 10], &|out| write::text(out, key::CALL_ID, id));
    call.tree()
}

/// Adds a page without a recording.
fn add(folder: &Folder, tree: &Tree) -> io::Result<Option<PathBuf>> {
    Ok(folder.add(tree, None, Err("it was not recorded"), None)?.map(|kept| kept.path))
}

fn files(path: &PathBuf) -> Vec<String> {
    let names = fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    // The list of the pages is beside them.
    assert_eq!(names.pop().as_deref(), Some(INDEX));
    names
}

/// What the list says of each page.
fn listed(path: &Path) -> Vec<Value> {
    let list = fs::read_to_string(path.join(INDEX)).unwrap();
    let (_, rest) = list.split_once(r#"<script id="data" type="application/json">"#).unwrap();
    let list: Value = serde_json::from_str(rest.split_once("</script").unwrap().0).unwrap();
    list["calls"].as_array().unwrap().clone()
}

#[test]
fn the_list_has_all_pages_and_what_they_say() {
    let path = fresh("listed");
    let folder = Folder::new(&path).of_program(vec![("service", "o'clock & <b>".to_owned())]);
    let evil = "'\"><script>alert(1)</script>&lt;\u{2028}";
    add(&folder, &call(evil)).unwrap();
    fs::write(path.join("2026-11-20_09-31-00_older_4bf92f35.html"), "<!doctype html> of an older version")
        .unwrap();
    add(&folder, &sample::clinic()).unwrap();
    let listed = listed(&path);
    let page = |at: usize| listed[at]["page"].as_str().unwrap().to_owned();
    assert!(page(0).contains("clinic") && page(1).contains("older") && listed.len() == 3, "{listed:?}");
    let (clinic, other) = (&listed[0]["brief"], &listed[2]["brief"]);
    assert_eq!(
        (&clinic["turns"], &clinic["failed"], &clinic["interrupted"]),
        (&json!(3), &json!(1), &json!(1))
    );
    assert_eq!((&clinic["latencies"], &clinic["worst"]), (&json!([1_090, 3_360, 3_690]), &json!("turn 2")));
    assert_eq!((&other["call"], &other["program"]), (&json!(evil), &json!("o'clock & <b>")));
    assert_eq!(listed[1]["brief"], Value::Null);
    let list = fs::read_to_string(path.join(INDEX)).unwrap();
    assert_eq!(list.matches("<script").count(), 2, "the data and the script");
}

#[test]
fn a_call_of_thousands_of_turns_says_as_much_as_others() {
    let mut long = Sample::new();
    for number in 0..5_000 {
        long.span(SpanId::INVALID, "turn", [number, number + 1], &|out| {
            write::float(
                out,
                key::TURN_USER_BOT_LATENCY_SECONDS,
                Duration::from_millis(number).as_secs_f64(),
            );
        });
    }
    let path = fresh("thousands");
    add(&Folder::new(&path), &long.tree()).unwrap();
    let brief = &listed(&path)[0]["brief"];
    let latencies = brief["latencies"].as_array().unwrap();
    assert_eq!((latencies.len(), &latencies[0], &latencies[199]), (200, &json!(0), &json!(4_999)));
    assert_eq!(brief["measured"], 5_000);
}

#[test]
fn a_name_says_when_who_and_which() {
    assert_eq!(name(&sample::clinic(), 1), "2026-11-21_09-31-00_clinic-0931_4bf92f35.html");
    assert_eq!(name(&sample::clinic(), 2), "2026-11-21_09-31-00_clinic-0931_2_4bf92f35.html");
}

#[test]
fn no_call_id_does_harm() {
    let known = [
        ("../../x", "x_"),
        ("..", ""),
        ("CON", "CON_"),
        ("C:\\Windows\\system.ini", "C-Windows-system-ini_"),
        ("a/b\0c\n\u{202e}d", "a-b-c-d_"),
        ("<script>", "script_"),
        ("預約", ""),
        (" ", ""),
    ];
    for (id, expected) in known {
        assert_eq!(safe(id), expected, "{id:?}");
    }
    for id in ["x".repeat(300), "x-".repeat(300), "../".repeat(300), "\u{0}".repeat(5), "€".repeat(300)] {
        let name = name(&call(&id), 1);
        assert!(name.len() < 120 && is_page(&name), "{name}");
        let ordinary = |each: char| each.is_ascii_alphanumeric() || "-_.".contains(each);
        assert!(name.chars().all(ordinary) && !name.contains(".."), "{name}");
    }
}

#[test]
fn times_are_utc() {
    let known = [
        (0, "1970-01-01_00-00-00"),
        (951_782_399, "2000-02-28_23-59-59"),
        (951_782_400, "2000-02-29_00-00-00"),
        (1_709_251_199, "2024-02-29_23-59-59"),
        (1_795_253_460, "2026-11-21_09-31-00"),
        (4_107_542_399, "2100-02-28_23-59-59"),
        (4_107_542_400, "2100-03-01_00-00-00"),
        (18_446_744_073, "2554-07-21_23-34-33"),
    ];
    for (seconds, expected) in known {
        assert_eq!(utc(seconds), expected);
    }
}

#[test]
fn a_page_is_written_whole_and_replaces_none() {
    let path = fresh("whole").join("made/on/demand");
    let folder = Folder::new(&path);
    let [first, second] = [1, 2].map(|_| add(&folder, &sample::clinic()).unwrap().unwrap());
    assert_ne!(first, second);
    assert!(fs::read_to_string(&first).unwrap().ends_with("</html>\n"));
    let names = [".gitignore", "2026-11-21_09-31-00_clinic-0931_2_4bf92f35.html"];
    assert_eq!(files(&path)[..2], names);
    assert_eq!(files(&path).len(), 3, "nothing unfinished is left");
    assert_eq!(fs::read_to_string(path.join(".gitignore")).unwrap(), "*\n");
}

#[test]
fn programs_that_begin_together_all_have_their_pages() {
    for round in 0..30 {
        let path = fresh(&format!("together-{round}"));
        let pages = || [1, 2, 3].map(|_| add(&Folder::new(&path), &sample::clinic()).unwrap().unwrap());
        let pages = std::thread::scope(|scope| {
            let programs = [(); 4].map(|()| scope.spawn(pages));
            programs.into_iter().flat_map(|program| program.join().unwrap()).collect::<HashSet<_>>()
        });
        assert_eq!((pages.len(), files(&path).len()), (12, 13));
    }
}

#[test]
fn spans_outside_a_conversation_have_no_page() {
    let path = fresh("stray");
    let mut stray = Sample::new();
    stray.span(SpanId::INVALID, "stt", [0, 10], &|_| {});
    assert_eq!(add(&Folder::new(&path), &stray.tree()).unwrap(), None);
    assert!(!path.exists());
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let path = fresh("file");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "in the way").unwrap();
    assert!(add(&Folder::new(&path), &sample::clinic()).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "in the way");
    fs::remove_file(&path).unwrap();
}

#[test]
fn the_oldest_pages_leave_and_nothing_else() {
    let path = fresh("kept");
    let folder = Folder { limits: Limits { files: 3, bytes: u64::MAX }, ..Folder::new(&path) };
    fs::create_dir_all(&path).unwrap();
    let others = ["index.html", "2026-11-21_notes.html", "2026-11-21_09-31-00_mine_saved.html", "a.tmp"];
    for other in others {
        fs::write(path.join(other), "").unwrap();
    }
    let unfinished = format!("1999-01-01_00-00-00_crashed_00000000.html{UNFINISHED}");
    fs::write(path.join(&unfinished), "").unwrap();
    let pages: Vec<_> =
        (0..5).map(|number| add(&folder, &call(&format!("call {number}"))).unwrap().unwrap()).collect();
    assert!(pages[..2].iter().all(|page| !page.exists()) && pages[2..].iter().all(|page| page.exists()));
    assert!(others.iter().all(|other| path.join(other).exists()) && !path.join(unfinished).exists());
}

#[test]
fn large_pages_leave_sooner_but_never_the_newest() {
    let path = fresh("large");
    let folder = Folder { limits: Limits { files: 200, bytes: 1 }, ..Folder::new(&path) };
    let pages = [1, 2].map(|number| add(&folder, &call(&number.to_string())).unwrap().unwrap());
    assert!(!pages[0].exists() && pages[1].exists());
}

/// Whether a folder that keeps three pages keeps the last three of five, where three of another time lie already.
fn keeps_the_last(test: &str, other_time: SystemTime) -> bool {
    let path = fresh(test);
    let folder = Folder { limits: Limits { files: 3, bytes: u64::MAX }, ..Folder::new(&path) };
    let add = |id: &str| add(&folder, &call(id)).unwrap().unwrap();
    for page in ["a", "b", "c"].map(add) {
        File::options().write(true).open(page).unwrap().set_modified(other_time).unwrap();
    }
    let pages = ["1", "2", "3", "4", "5"].map(|id| {
        let page = add(id);
        assert!(page.exists(), "what was just written stays");
        page
    });
    files(&path).len() == 4 && pages[2..].iter().all(|page| page.exists())
}

#[test]
fn where_the_clock_was_wrong_once_new_pages_drive_out_the_old_ones() {
    let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
    assert!(keeps_the_last("tomorrow", now + day));
    assert!(keeps_the_last("in-ten-years", now + 3_650 * day));
    assert!(keeps_the_last("at-once", now));
    assert!(keeps_the_last("long-ago", SystemTime::UNIX_EPOCH));
}

#[test]
fn where_the_clock_is_behind_large_pages_leave_in_their_order_too() {
    let path = fresh("behind");
    let folder = Folder { limits: Limits { files: 200, bytes: 1 }, ..Folder::new(&path) };
    let [first, second] = ["1", "2"].map(|id| {
        let page = add(&folder, &call(id)).unwrap().unwrap();
        let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
        File::options().write(true).open(&page).unwrap().set_modified(tomorrow).unwrap();
        page
    });
    assert!(!first.exists() && second.exists());
    let third = add(&folder, &call("3")).unwrap().unwrap();
    assert!(!second.exists() && third.exists());
}

#[cfg(unix)]
mod private {
    use super::{Folder, add, fresh, sample};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_this_user_reads_a_page() {
        let path = fresh("private");
        let page = add(&Folder::new(&path), &sample::clinic()).unwrap().unwrap();
        assert_eq!((mode(&path), mode(&page), mode(&path.join(".gitignore"))), (0o700, 0o600, 0o600));
    }

    #[test]
    fn a_folder_that_others_may_use_is_closed_to_them() {
        for before in [0o755, 0o777, 0o711] {
            let path = fresh("opened");
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            let page = add(&Folder::new(&path), &sample::clinic()).unwrap().unwrap();
            assert_eq!((mode(&path), mode(&page)), (0o700, 0o600), "{before:o}");
        }
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_not_followed() {
        for (test, is_there) in [("linked", true), ("dangling", false)] {
            let (path, elsewhere) = (fresh(test), fresh("elsewhere"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if is_there {
                fs::create_dir_all(&elsewhere).unwrap();
            }
            symlink(&elsewhere, &path).unwrap();
            let error = add(&Folder::new(&path), &sample::clinic()).unwrap_err();
            assert!(!is_there || error.to_string().contains("symbolic link"), "{error}");
            assert!(!is_there || fs::read_dir(&elsewhere).unwrap().next().is_none());
            assert_eq!(elsewhere.exists(), is_there);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_link_in_place_of_a_page_leads_nowhere() {
        let (path, elsewhere) = (fresh("planted"), fresh("victim"));
        fs::create_dir_all(&path).unwrap();
        drop(fs::remove_file(&elsewhere));
        let name = super::name(&sample::clinic(), 1);
        symlink(&elsewhere, path.join(&name)).unwrap();
        symlink(&elsewhere, path.join(format!("{}{}", super::name(&sample::clinic(), 2), super::UNFINISHED)))
            .unwrap();
        let page = add(&Folder::new(&path), &sample::clinic()).unwrap().unwrap();
        assert_eq!(page, path.join(super::name(&sample::clinic(), 3)));
        assert!(!elsewhere.exists() && fs::symlink_metadata(path.join(name)).unwrap().is_symlink());
    }
}

/// A recording that can be read until here.
fn sound(parts: Vec<io::Result<&'static [u8]>>) -> SoundFile {
    let parts = parts.into_iter().map(|part| part.map(Into::into));
    SoundFile { media_type: "audio/wav", parts: Box::new(parts) }
}

#[test]
fn a_page_has_its_recording_or_says_why_not() {
    let path = fresh("heard");
    let folder = Folder::new(&path);
    let whole =
        folder.add(&sample::clinic(), None, Ok(sound(vec![Ok(b"RI"), Ok(b"FF"), Ok(b"")])), None).unwrap();
    let torn = sound(vec![Ok(&[7; 100_000]), Err(io::Error::other("the recording was erased"))]);
    let torn = folder.add(&sample::clinic(), None, Ok(torn), None).unwrap();
    let (whole, torn) = (whole.unwrap(), torn.unwrap());
    assert!(whole.is_heard && !torn.is_heard);
    let [whole, torn] = [whole, torn].map(|kept| fs::read_to_string(kept.path).unwrap());
    assert!(whole.contains(r#"src="data:audio/wav;base64,UklGRg=="></audio>"#), "RIFF");
    assert!(torn.contains(r#""unheard":"the recording was erased""#) && !torn.contains("<audio"));
    for page in [whole, torn] {
        assert!(page.starts_with("<!doctype html>") && page.matches("</html>").count() == 1);
    }
    assert_eq!(files(&path).len(), 3, "nothing unfinished is left");
}
