//! Runs a program of this workspace, which answers each line with a line.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Where a program lies that was built beside this one.
pub fn beside(program: &str) -> PathBuf {
    std::env::current_exe().expect("this program's path").with_file_name(program)
}

/// A process that answers. It ends when dropped.
pub struct Process {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Process {
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        Self::of(Command::new(beside(program)).args(arguments))
    }

    /// # Panics
    ///
    /// When there is no such program.
    pub fn of(command: &mut Command) -> Self {
        // What the machine is set up for is not measured.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CEKURA_")) {
            if command.get_envs().all(|(given, _)| given != name.as_str()) {
                command.env_remove(name);
            }
        }
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, questions, answers }
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("text");
        line.trim().to_owned()
    }

    /// # Panics
    ///
    /// When the process has ended, or what it answers is no number.
    pub fn ask(&mut self, question: &str) -> f64 {
        writeln!(self.questions.as_mut().expect("until it is dropped"), "{question}")
            .expect("a process that listens");
        let answer = self.line();
        answer.parse().unwrap_or_else(|_| panic!("{question}: {answer:?} is no number"))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ = self.child.wait();
    }
}
