//! Folders of the spool: whole files, locks and orphans.

use super::{Folder, LOCK, Orphan};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// A directory that does not exist yet; removed when dropped.
struct Root(PathBuf);

impl Root {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/folders").join(test);
        drop(fs::remove_dir_all(&path));
        Self(path)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn nobody_else_can_read_it() {
    let root = Root::new("modes");
    let folder = Folder::open(&root.0.join("below/it")).unwrap();
    folder.write("a.spans", b"whole").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    for directory in [&root.0, &root.0.join("below"), &folder.root, &folder.own] {
        assert_eq!(mode(directory), 0o700, "{directory:?}");
    }
    assert_eq!(mode(&folder.path("a.spans")), 0o600);
    assert_eq!(mode(&folder.path(LOCK)), 0o600);
}

#[test]
fn a_directory_of_others_is_refused() {
    let root = Root::new("others");
    fs::create_dir_all(&root.0).unwrap();
    for mode in [0o777, 0o1777, 0o770] {
        fs::set_permissions(&root.0, fs::Permissions::from_mode(mode)).unwrap();
        assert!(Folder::open(&root.0).is_err(), "{mode:o}");
        assert!(names(&root.0).is_empty());
    }
    fs::set_permissions(&root.0, fs::Permissions::from_mode(0o755)).unwrap();
    Folder::open(&root.0).unwrap();
}

#[test]
fn a_file_is_whole_or_not_there() {
    let root = Root::new("whole");
    let folder = Folder::open(&root.0).unwrap();
    folder.write("a", b"first").unwrap();
    folder.write("a", b"second").unwrap();
    assert_eq!(folder.read("a").unwrap(), b"second");
    folder.mark("a", UNIX_EPOCH + Duration::from_nanos(1_000_000_007));
    assert_eq!(folder.marked("a").unwrap(), UNIX_EPOCH + Duration::from_nanos(1_000_000_007));
    folder.write("no/such/place", b"third").unwrap_err();
    assert_eq!(names(&folder.own), ["a", LOCK]);
    folder.remove("a");
    folder.remove("a");
    folder.mark("a", UNIX_EPOCH);
    let own = folder.own.clone();
    drop(folder);
    assert!(!own.exists(), "a folder without files goes with its handle");
}

#[test]
fn only_what_nobody_holds_is_an_orphan() {
    let root = Root::new("orphans");
    let (ours, other) = (Folder::open(&root.0).unwrap(), Folder::open(&root.0).unwrap());
    other.write("2.spans", b"").unwrap();
    other.write("1.start", b"").unwrap();
    other.write("1.spans", b"").unwrap();
    fs::write(other.path("3.spans.unfinished"), "").unwrap();
    assert_eq!(ours.others(), vec![other.own.clone()]);
    assert!(Orphan::claim(other.own.clone()).is_none(), "its process lives");
    let own = other.own.clone();
    drop(other);
    let orphan = Orphan::claim(own.clone()).unwrap();
    assert!(Orphan::claim(own.clone()).is_none(), "another was faster");
    let files = orphan.files();
    let found: Vec<_> = files.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(found, ["1.spans", "2.spans", "1.start"]);
    assert!(!own.join("3.spans.unfinished").exists(), "nobody was promised what is not finished");
    ours.adopt(&files[0].0, "1.spans").unwrap();
    ours.set_aside(&files[1].0);
    drop(orphan);
    assert_eq!(names(&own), ["1.start", LOCK], "what is not adopted stays");
    assert_eq!(names(&ours.own), ["1.spans", LOCK]);
    assert_eq!(names(&root.0.join("aside")), ["2.spans"]);
    let orphan = Orphan::claim(own.clone()).unwrap();
    ours.adopt(&own.join("1.start"), "1.start").unwrap();
    drop(orphan);
    assert!(!own.exists());
}

#[test]
fn what_does_not_belong_there_is_no_orphan() {
    let root = Root::new("foreign");
    let folder = Folder::open(&root.0).unwrap();
    fs::create_dir(root.0.join("of the user")).unwrap();
    fs::write(root.0.join("run-notes"), "").unwrap();
    std::os::unix::fs::symlink("/", root.0.join("run-link")).unwrap();
    assert!(folder.others().is_empty());
}
