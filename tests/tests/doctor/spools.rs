//! Directories for spools that a handle refuses: a diagnosis refuses them in the same words, and leaves no trace in others.

use super::shown;
use cekura::{Builder, Protocol};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, to};
use cekura_trace_tests::spools::Spool;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const TEMPORARY: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/doctor");

fn builder(backend: &Backend, directory: &Path) -> Builder {
    to(backend, Protocol::Grpc).spool(directory)
}

/// Both say the same, and the rest of the diagnosis is as it would be.
fn is_refused(directory: &Path) {
    let backend = Backend::new();
    let error = builder(&backend, directory).build().unwrap_err();
    let diagnosis = builder(&backend, directory).doctor();
    assert_eq!(
        diagnosis.problems().collect::<Vec<_>>(),
        [format!("spool: {error}")],
        "{}",
        directory.display()
    );
    assert!(shown(&diagnosis).contains("ok    span "), "{diagnosis}");
}

#[test]
fn what_is_no_directory_is_refused() {
    let spool = Spool::new(TEMPORARY, "in-the-way");
    fs::create_dir_all(spool.0.parent().unwrap()).unwrap();
    fs::write(&spool.0, "a file").unwrap();
    is_refused(&spool.0);
    is_refused(&spool.0.join("below"));
    fs::remove_file(&spool.0).unwrap();
    is_refused(Path::new("/dev/null"));
    is_refused(Path::new("/proc/self/no-such-directory"));
}

#[test]
fn what_others_can_write_to_is_refused() {
    let spool = Spool::new(TEMPORARY, "open-to-others");
    for mode in [0o777, 0o770, 0o702] {
        fs::create_dir_all(&spool.0).unwrap();
        fs::set_permissions(&spool.0, Permissions::from_mode(mode)).unwrap();
        is_refused(&spool.0);
        assert_eq!(fs::read_dir(&spool.0).unwrap().count(), 0);
    }
}

#[test]
fn a_directory_that_is_missing_can_be_made_and_is_not_left() {
    let (backend, spool) = (Backend::new(), Spool::new(TEMPORARY, "missing"));
    let below = spool.0.join("in/a/directory");
    for (directory, is_left) in [(&below, false), (&spool.0, false), (&spool.0, true)] {
        if is_left {
            builder(&backend, directory).build().unwrap().shutdown_blocking(LONG);
        }
        let diagnosis = builder(&backend, directory).doctor();
        assert!(diagnosis.is_healthy(), "{diagnosis}");
        assert!(shown(&diagnosis).contains("ok    spool          nothing waits on disk for another"));
        assert_eq!(spool.0.exists(), is_left);
    }
    assert_eq!(fs::read_dir(&spool.0).unwrap().count(), 0);
}

#[test]
fn beside_a_handle_that_runs_nothing_of_its_changes() {
    let (backend, spool) = (Backend::new(), Spool::new(TEMPORARY, "beside"));
    let handle = builder(&backend, &spool.0).build().unwrap();
    let before = spool.files("");
    assert!(builder(&backend, &spool.0).doctor().is_healthy());
    assert_eq!(spool.files(""), before);
    assert!(!before.is_empty());
    handle.shutdown_blocking(LONG);
}
