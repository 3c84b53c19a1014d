//! Folders of the spool: whole files, locks, orphans, and what must not be followed or waited for.

use super::{Directory, LOCK, Run, UNFINISHED};
use rustix::fs::{FileType, Mode, OFlags};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A directory that does not exist yet; removed when dropped.
struct Root(PathBuf);

impl Root {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/folders").join(test);
        drop(fs::remove_dir_all(&path));
        Self(path)
    }

    fn below(&self, run: &Run) -> PathBuf {
        self.0.join(&run.name)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn put(run: &Run, name: &str, text: &str) {
    run.directory.put(name, |mut file| file.write_all(text.as_bytes())).unwrap();
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
    let below = root.0.join("below/it");
    let run = Run::new(&below).unwrap();
    put(&run, "a.spans", "whole");
    let own = below.join(&run.name);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    for directory in [&root.0, &root.0.join("below"), &below, &own] {
        assert_eq!(mode(directory), 0o700, "{directory:?}");
    }
    assert_eq!(mode(&own.join("a.spans")), 0o600);
    assert_eq!(mode(&own.join(LOCK)), 0o600);
}

#[test]
fn a_directory_of_others_is_refused() {
    let root = Root::new("others");
    fs::create_dir_all(&root.0).unwrap();
    for mode in [0o777, 0o1777, 0o770] {
        fs::set_permissions(&root.0, fs::Permissions::from_mode(mode)).unwrap();
        assert!(Run::new(&root.0).is_err(), "{mode:o}");
        assert!(names(&root.0).is_empty());
    }
    fs::set_permissions(&root.0, fs::Permissions::from_mode(0o755)).unwrap();
    Run::new(&root.0).unwrap();
}

#[test]
fn a_file_is_whole_or_not_there() {
    let root = Root::new("whole");
    let run = Run::new(&root.0).unwrap();
    put(&run, "a", "first");
    let torn = run.directory.put("b", |mut file| {
        file.write_all(b"half").and_then(|()| Err::<(), _>(io::ErrorKind::StorageFull.into()))
    });
    assert_eq!(torn.unwrap_err().kind(), io::ErrorKind::StorageFull);
    let mut text = String::new();
    run.directory.open("a", OFlags::RDONLY).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), names(&root.below(&run))), ("first", vec!["a".to_owned(), LOCK.to_owned()]));
    run.directory.remove("a").unwrap();
    run.directory.remove("a").unwrap();
    let own = root.below(&run);
    drop(run);
    assert!(!own.exists(), "a folder without files goes with its handle");
}

#[test]
fn only_what_nobody_holds_is_an_orphan() {
    let root = Root::new("orphans");
    let (ours, other) = (Run::new(&root.0).unwrap(), Run::new(&root.0).unwrap());
    for name in ["2.spans", "1.start", "1.spans", &format!("3.spans{UNFINISHED}")] {
        put(&other, name, "");
    }
    let (own, name) = (root.below(&other), other.name.clone());
    assert!(Run::claim(&root.0, &name).unwrap().is_none(), "its process lives");
    drop(other);
    let orphan = Run::claim(&root.0, &name).unwrap().unwrap();
    assert!(Run::claim(&root.0, &name).unwrap().is_none(), "another was faster");
    assert_eq!(orphan.files().unwrap(), ["1.spans", "2.spans", "1.start", "3.spans.unfinished"]);
    orphan.directory.rename("1.spans", &ours.directory, "1.spans").unwrap();
    drop(orphan);
    assert_eq!(names(&own), ["1.start", "2.spans", "3.spans.unfinished", LOCK], "what is left stays");
    assert_eq!(names(&root.below(&ours)), ["1.spans", LOCK]);
    let orphan = Run::claim(&root.0, &name).unwrap().unwrap();
    orphan.files().unwrap().iter().for_each(|file| orphan.directory.remove(file).unwrap());
    drop(orphan);
    assert!(!own.exists());
}

#[test]
fn nothing_is_followed_and_nothing_is_waited_for() {
    let root = Root::new("foreign");
    let run = Run::new(&root.0).unwrap();
    let (own, elsewhere) = (root.below(&run), root.0.join("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("file"), "secret").unwrap();
    symlink(&elsewhere, root.0.join("run-link")).unwrap();
    symlink(elsewhere.join("file"), own.join("link.spans")).unwrap();
    fs::create_dir(own.join("folder.spans")).unwrap();
    let fifo = |path: &Path| {
        rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    };
    fifo(&own.join("fifo.spans"));
    for name in ["link.spans", "folder.spans", "fifo.spans"] {
        assert!(run.directory.open(name, OFlags::RDONLY).is_err(), "{name}");
        assert!(run.directory.open(name, OFlags::WRONLY).is_err(), "{name}");
        assert_eq!(run.directory.size(name).unwrap(), None, "{name}");
    }
    assert!(Run::claim(&root.0, "run-link").is_err());
    for (name, make) in
        [("run-fifo", &fifo as &dyn Fn(&Path)), ("run-in", &|lock: &Path| fs::create_dir(lock).unwrap())]
    {
        fs::create_dir(root.0.join(name)).unwrap();
        make(&root.0.join(name).join(LOCK));
        assert!(Run::claim(&root.0, name).is_err(), "{name}");
    }
    fs::write(root.0.join("run-notes"), "").unwrap();
    assert!(Run::claim(&root.0, "run-notes").is_err());
    assert_eq!(fs::read_to_string(elsewhere.join("file")).unwrap(), "secret");
    assert!(!elsewhere.join(LOCK).exists());
}

#[test]
fn a_folder_is_known_to_be_elsewhere() {
    let root = Root::new("moved");
    let run = Run::new(&root.0).unwrap();
    assert!(run.is_at(&root.0));
    let own = root.below(&run);
    fs::rename(&own, root.0.join("moved")).unwrap();
    assert!(!run.is_at(&root.0));
    symlink(root.0.join("moved"), &own).unwrap();
    assert!(!run.is_at(&root.0), "a link to it is another place");
    put(&run, "a", "into what is held");
    assert_eq!(names(&root.0.join("moved")), ["a", LOCK]);
    assert!(Directory::existing(&root.0).unwrap().runs().unwrap().contains(&run.name));
}
