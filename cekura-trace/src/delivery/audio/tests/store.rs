//! Sound on disk: what is written when, what is left after a crash, and disks that are full, closed or gone.

use super::{Folder, SECOND, Track, block, journal, loud, place, read, tone, wav};
use crate::call::audio::Journal;
use crate::call::audio::block::{Form, Head};
use crate::call::audio::frames::Samples;
use crate::delivery::audio::recording::FIRST;
use crate::delivery::audio::render::{Stereo, Wav};
use crate::delivery::audio::store::Store;
use crate::room::Room;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, ErrorKind, Write, stderr};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHARE: usize = 64 << 10;

/// What an agent says in frames: so many seconds of a tone.
fn speak(journal: &Journal, length: u32) {
    for _ in 0..length {
        tone(440.0, 1.0, 16_000).chunks(320).for_each(|frame| journal.agent(frame, 16_000));
    }
}

/// How long the agent is heard.
fn length(store: &mut Store) -> f64 {
    let recording = Arc::new(store.finish());
    let placed = Arc::new(place(&recording, [], None).unwrap());
    let (rate, _, agent) = read(&wav(&recording, &placed, None));
    let parts = loud(&agent, rate, 0.01);
    assert!(parts.len() < 2, "{parts:?}");
    parts.iter().map(|(from, to)| to - from).sum()
}

fn is_near(length: f64, expected: f64) {
    assert!((length - expected).abs() < 0.02, "{length} s, not {expected} s");
}

#[test]
fn what_is_more_than_its_share_goes_to_disk_and_the_recording_is_the_same() {
    let folder = Folder::new("share");
    let start = Instant::now();
    let [one, other] = [0; 2].map(|_| Arc::new(Journal::new(start, Arc::default(), Room::default())));
    let [mut spilled, mut kept] = [&one, &other].map(|journal| Store::unnamed(journal.clone(), &folder.0));
    for number in 0..100 {
        let frame = tone(200.0 + 10.0 * f64::from(number), 0.1, 16_000);
        for journal in [&one, &other] {
            journal.user_at(start + number * Duration::from_millis(150), &frame, 16_000);
        }
        spilled.spill(SHARE).unwrap();
        let mut memory = vec![0; 1 << 20];
        assert!(one.copy(0, &mut memory).unwrap() <= SHARE);
    }
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0, "the file has no name");
    let files = [&mut spilled, &mut kept].map(|store| {
        let recording = Arc::new(store.finish());
        let placed = Arc::new(place(&recording, [], Some(15 * SECOND)).unwrap());
        wav(&recording, &placed, None)
    });
    assert!(files[0] == files[1]);
    assert_eq!(files[0].len(), 44 + 15 * 16_000 * 4);
    assert_eq!(loud(&read(&files[0]).1, 16_000, 0.02).len(), 100);
}

#[test]
fn a_short_call_makes_no_file() {
    let journal = journal();
    let mut store = Store::unnamed(journal.clone(), Path::new("/nowhere"));
    speak(&journal, 3);
    store.spill(4 << 20).unwrap();
    is_near(length(&mut store), 3.0);
}

#[test]
fn only_this_user_reads_the_file() {
    let folder = Folder::new("private");
    let journal = journal();
    let mut store = Store::named(journal.clone(), folder.0.join("call"));
    speak(&journal, 1);
    store.spill(0).unwrap();
    assert_eq!(fs::metadata(folder.0.join("call")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_link_in_place_of_the_file_is_not_followed() {
    let folder = Folder::new("link");
    let (link, target) = (folder.0.join("call"), folder.0.join("of somebody else"));
    fs::write(&target, "theirs").unwrap();
    symlink(&target, &link).unwrap();
    let journal = journal();
    let mut store = Store::named(journal.clone(), link);
    speak(&journal, 1);
    assert_eq!(store.spill(0).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(target).unwrap(), b"theirs");
    is_near(length(&mut store), 1.0);
}

#[test]
fn what_was_spilled_is_there_after_a_crash() {
    let folder = Folder::new("crash");
    let path = folder.0.join("call");
    let journal = journal();
    let mut store = Store::named(journal.clone(), path.clone());
    for _ in 0..3 {
        speak(&journal, 1);
        store.spill(0).unwrap();
    }
    speak(&journal, 1);
    // The process dies: nothing of it is closed, the rest of its memory is gone.
    std::mem::forget((store, journal));
    let mut left = Store::left(super::journal(), path.clone()).unwrap();
    is_near(length(&mut left), 3.0);
    // It can be read as often as somebody starts, until it is erased.
    let ended = super::journal();
    let mut left = Store::left(ended.clone(), path.clone()).unwrap();
    is_near(length(&mut left), 3.0);
    ended.erase();
    left.spill(0).unwrap();
    assert!(!path.exists());
}

#[test]
fn what_was_spilled_is_there_after_a_kill_at_any_time() {
    let folder = Folder::new("killed");
    let path = folder.0.join("call");
    let test = "delivery::audio::tests::store::a_call_that_is_killed";
    for seconds in [1, 2, 5] {
        drop(fs::remove_file(&path));
        let mut command = Command::new("/proc/self/exe");
        command.args(["--exact", test, "--ignored", "--nocapture"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        let spilled = said.map(Result::unwrap).filter(|line| line.ends_with("spilled")).take(seconds);
        assert_eq!(spilled.count(), seconds);
        child.kill().unwrap();
        child.wait().unwrap();
        let mut left = Store::left(journal(), path.clone()).unwrap();
        // What it wrote meanwhile is there too, as far as it is whole.
        let found = length(&mut left);
        assert!(found > seconds as f64 - 0.02, "{found} s of {seconds} s");
    }
}

#[test]
#[ignore = "another test runs and kills it"]
fn a_call_that_is_killed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/sound/killed/call");
    let journal = journal();
    let mut store = Store::named(journal.clone(), path);
    // Whoever kills it does so long before.
    for _ in 0..200 {
        speak(&journal, 1);
        store.spill(0).unwrap();
        println!("spilled");
    }
}

#[test]
fn a_torn_end_is_left_out_wherever_it_is_torn() {
    let folder = Folder::new("torn");
    let path = folder.0.join("call");
    let head =
        Head { track: Track::Agent, form: Form::Linear, is_fixed: false, rate: 8_000, count: 0, at: 0 };
    let sound = tone(440.0, 0.1, 8_000);
    let blocks: Vec<_> = (0..5)
        .map(|number| block(Head { at: number * SECOND / 10, ..head }, Samples::Linear(&sound)))
        .collect();
    let size = blocks[0].len();
    let whole = [FIRST.as_slice(), &blocks.concat()].concat();
    let cases =
        (0..=size).step_by(7).map(|cut| (whole[..whole.len() - cut].to_vec(), if cut == 0 { 5 } else { 4 }));
    // What was never written is zero on some file systems.
    let zeros = [&whole[..FIRST.len() + 3 * size + 9], &[0; 5_000][..]].concat();
    let mut changed = whole.clone();
    changed[FIRST.len() + 2 * size + 100] ^= 1;
    let mut long = whole.clone();
    // A length that lies.
    long[FIRST.len() + size + 11] = 0xFF;
    for (number, (bytes, parts)) in cases.chain([(zeros, 3), (changed, 2), (long, 1)]).enumerate() {
        fs::write(&path, bytes).unwrap();
        let mut left = Store::left(journal(), path.clone()).unwrap();
        let found = length(&mut left);
        assert!((found - 0.1 * f64::from(parts)).abs() < 0.02, "case {number}: {found} s, not {parts} parts");
    }
}

#[test]
fn what_is_no_recording_is_not_taken_for_one() {
    let folder = Folder::new("foreign");
    let path = folder.0.join("call");
    for bytes in
        [&b""[..], b"cekura-audio", b"RIFF and what comes then", b"cekura-audio 2\n\0 of another version"]
    {
        fs::write(&path, bytes).unwrap();
        assert_eq!(Store::left(journal(), path.clone()).unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(path.exists());
    }
    assert_eq!(Store::left(journal(), folder.0.join("none")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn what_is_erased_is_gone_from_memory_and_disk_and_an_upload_of_it_ends() {
    let folder = Folder::new("erased");
    let path = folder.0.join("call");
    for is_named in [true, false] {
        let journal = journal();
        let named = || Store::named(journal.clone(), path.clone());
        let mut store = if is_named { named() } else { Store::unnamed(journal.clone(), &folder.0) };
        speak(&journal, 60);
        store.spill(SHARE).unwrap();
        let other = is_named.then(|| File::open(&path).unwrap());
        let recording = Arc::new(store.finish());
        let placed = Arc::new(place(&recording, [], None).unwrap());
        let mut upload = Wav::new(Stereo::new(&recording, &placed, None));
        assert!(upload.by_ref().take(5).all(|part| part.is_ok()));
        journal.erase();
        store.spill(SHARE).unwrap();
        assert!(upload.any(|part| part.is_err()), "nothing of it is made up");
        assert!(place(&recording, [], None).is_err());
        assert!(!path.exists());
        assert!(other.is_none_or(|file| file.metadata().unwrap().len() == 0), "nor has anybody it open");
    }
}

#[test]
fn a_directory_that_is_missing_or_closed_leaves_everything_in_memory() {
    let folder = Folder::new("closed");
    fs::write(folder.0.join("file"), "").unwrap();
    for (directory, kind) in [("none", ErrorKind::NotFound), ("file", ErrorKind::NotADirectory)] {
        let journal = journal();
        let mut store = Store::unnamed(journal.clone(), &folder.0.join(directory));
        speak(&journal, 2);
        assert_eq!(store.spill(0).unwrap_err().kind(), kind);
        speak(&journal, 1);
        assert_eq!(store.spill(0).unwrap_err().kind(), kind);
        is_near(length(&mut store), 3.0);
    }
}

/// A disk of half a megabyte, where one may be mounted; unmounted when dropped.
struct Disk(Folder);

impl Disk {
    fn new(test: &str) -> Option<Self> {
        let folder = Folder::new(test);
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=512k,mode=0700", "none"]).arg(&folder.0);
        let is_there = mount.status().is_ok_and(|status| status.success());
        if !is_there {
            drop(writeln!(stderr(), "skipped: mounting a tmpfs is not allowed here"));
        }
        is_there.then_some(Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0.0).status());
    }
}

#[test]
fn a_disk_that_is_full_loses_nothing_and_gets_it_once_there_is_room() {
    let Some(disk) = Disk::new("full") else { return };
    let path = disk.0.0.join("call");
    fs::write(disk.0.0.join("others"), vec![1; 300 << 10]).unwrap();
    let journal = journal();
    let mut store = Store::named(journal.clone(), path.clone());
    speak(&journal, 10);
    assert_eq!(store.spill(0).unwrap_err().kind(), ErrorKind::StorageFull);
    speak(&journal, 1);
    assert_eq!(store.spill(SHARE).unwrap_err().kind(), ErrorKind::StorageFull);
    fs::remove_file(disk.0.0.join("others")).unwrap();
    store.spill(0).unwrap();
    let mut left = Store::left(super::journal(), path).unwrap();
    is_near(length(&mut left), 11.0);
    is_near(length(&mut store), 11.0);
}

#[test]
fn a_disk_that_becomes_read_only_leaves_the_rest_in_memory() {
    let Some(disk) = Disk::new("read-only") else { return };
    let (early, late) = (journal(), journal());
    let mut begun = Store::unnamed(early.clone(), &disk.0.0);
    speak(&early, 3);
    begun.spill(0).unwrap();
    drop(begun.finish());
    let remount = |how| {
        let mut mount = Command::new("mount");
        mount.args(["-o", how]).arg(&disk.0.0).status().is_ok_and(|status| status.success())
    };
    // A file that has no name is still there.
    is_near(length(&mut begun), 3.0);
    drop((begun, early));
    assert!(remount("remount,ro"));
    let mut store = Store::unnamed(late.clone(), &disk.0.0);
    speak(&late, 3);
    assert_eq!(store.spill(0).unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    is_near(length(&mut store), 3.0);
}

#[test]
fn a_directory_of_somebody_else_is_no_place() {
    let folder = Folder::new("others");
    fs::set_permissions(&folder.0, Permissions::from_mode(0o500)).unwrap();
    let journal = journal();
    let mut store = Store::unnamed(journal.clone(), &folder.0);
    speak(&journal, 1);
    // Root may write everywhere.
    let result = store.spill(0);
    assert!(result.is_ok() || result.unwrap_err().kind() == ErrorKind::PermissionDenied);
    fs::set_permissions(&folder.0, Permissions::from_mode(0o700)).unwrap();
    is_near(length(&mut store), 1.0);
}
