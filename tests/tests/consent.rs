//! Consent: what of a call leaves the process, and what never does, in every cell of its table.

#[path = "consent/cells.rs"]
mod cells;
#[path = "consent/crashes.rs"]
mod crashes;
#[path = "consent/held.rs"]
mod held;

use cekura::{ConsentEvent, ConsentState};
use cekura_trace_tests::api::{Api, Seen};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tone::{CANARY, has_tone};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");

/// What the agent plays before something happens, and after.
const TONES: [f64; 2] = [CANARY, 2_500.0];

/// Longer than what is to be on disk within a second.
const SECOND: Duration = Duration::from_millis(1_600);

/// Where things of a call can be found.
struct Places {
    backend: Backend,
    api: Api,
    spool: Spool,
    /// Where the agent runs, and so has its pages.
    folder: PathBuf,
}

impl Places {
    fn new(test: &str, backend: Backend, api: Api) -> Self {
        let folder = PathBuf::from(TEMPORARY).join("consent").join(test);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        let spool = Spool::new(TEMPORARY, &format!("consent-{test}"));
        Self { backend, api, spool, folder }
    }

    /// Starts an agent there.
    fn agent(&self, state: ConsentState, event: ConsentEvent, when: &str) -> Agent {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consenting_agent"));
        command.args([&format!("{state:?}"), &format!("{event:?}"), when]);
        command.args([self.backend.url(), self.api.url()]).arg(&self.spool.0);
        command.env("TMPDIR", &self.folder).current_dir(&self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut drawing = BufReader::new(child.stderr.take().unwrap());
        let drawn = thread::spawn(move || {
            let mut drawn = Vec::new();
            std::io::Read::read_to_end(&mut drawing, &mut drawn).unwrap();
            drawn
        });
        Agent { child, lines, said: Vec::new(), drawn }
    }

    fn posts(&self) -> Vec<Seen> {
        self.api.seen().into_iter().filter(|seen| seen.method == "POST").collect()
    }

    /// The files of the spool, by their endings.
    fn spooled(&self) -> Vec<String> {
        self.spool.files("").iter().map(|path| ending(path)).collect()
    }

    /// All files of the spool, and of the folder with the pages.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let pages = Spool(self.folder.clone());
        let files = self.spool.files("").into_iter().chain(pages.files(""));
        // One may be gone by now.
        files.filter_map(|path| Some((path.clone(), fs::read(path).ok()?))).collect()
    }

    /// Where a text stands: `spans`, `call log`, and the files by their endings.
    fn text(&self, text: &str) -> Vec<String> {
        let has = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        let mut found = Vec::new();
        if self.backend.seen().iter().any(|seen| has(format!("{:?}", seen.message).as_bytes())) {
            found.push("spans".to_owned());
        }
        if self
            .api
            .seen()
            .iter()
            .any(|seen| has(seen.body.to_string().as_bytes()) || has(seen.path.as_bytes()))
        {
            found.push("call log".to_owned());
        }
        found.extend(self.files().iter().filter(|(_, bytes)| has(bytes)).map(|(path, _)| ending(path)));
        found.sort();
        found.dedup();
        found
    }

    /// Where a tone can be heard.
    fn tone(&self, hertz: f64) -> Vec<String> {
        let posts = self.posts();
        let posted = posts.iter().filter_map(|post| post.recording.as_ref());
        let posted = posted.map(|recording| ("recording".to_owned(), recording.bytes.clone()));
        let files = self.files().into_iter().map(|(path, bytes)| (ending(&path), bytes));
        let mut found: Vec<_> =
            posted.chain(files).filter(|(_, bytes)| has_tone(bytes, hertz)).map(|(place, _)| place).collect();
        found.sort();
        found.dedup();
        found
    }
}

fn ending(path: &std::path::Path) -> String {
    path.extension().or(path.file_name()).unwrap_or_default().to_string_lossy().into_owned()
}

/// An agent that runs.
struct Agent {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    said: Vec<String>,
    drawn: thread::JoinHandle<Vec<u8>>,
}

impl Agent {
    /// Waits until it says this.
    fn until(&mut self, word: &str) {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "no {word:?} but {:?}", self.said);
            if line.trim_end() == word {
                return;
            }
            self.said.push(line.trim_end().to_owned());
        }
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Waits for its end: what it said, and what it drew.
    fn end(mut self) -> (Vec<String>, String) {
        self.said.extend(self.lines.lines().map(Result::unwrap));
        assert!(self.child.wait().unwrap().success(), "{:?}", self.said);
        (self.said, String::from_utf8(self.drawn.join().unwrap()).unwrap())
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
