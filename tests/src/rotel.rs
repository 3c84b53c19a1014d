//! A collector that nobody here wrote, rotel, and what it prints of the spans that it takes.

pub mod printed;

use crate::backend::deserted;
use crate::tools::needs;
use printed::Printed;
use std::env;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A running rotel that prints what it takes; it stops when dropped.
pub struct Rotel {
    child: Child,
    /// Where it takes OTLP over gRPC.
    pub grpc: SocketAddr,
    /// Where it takes OTLP over HTTP.
    pub http: SocketAddr,
    output: PathBuf,
}

impl Rotel {
    /// Starts it with files in this folder; `None` where it is not installed. With `CEKURA_TESTS=all` it must be.
    #[must_use]
    pub fn start(folder: &Path) -> Option<Self> {
        let binary = installed()?;
        let (grpc, http) = (deserted(), deserted());
        let output = folder.join(format!("rotel-{}.txt", grpc.port()));
        let child = Command::new(binary)
            .arg("start")
            .args(["--otlp-grpc-endpoint", &grpc.to_string(), "--otlp-http-endpoint", &http.to_string()])
            .args(["--exporter", "blackhole", "--batch-timeout", "200ms"])
            .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .arg("--pid-file")
            .arg(output.with_extension("pid"))
            .stdout(File::create(&output).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let rotel = Self { child, grpc, http, output };
        rotel.wait("it listens", || [grpc, http].iter().all(|port| TcpStream::connect(port).is_ok()));
        Some(rotel)
    }

    /// Everything it has printed, when that is so many spans.
    #[must_use]
    pub fn spans(&self, count: usize) -> Vec<Printed> {
        let read = || printed::read(&fs::read_to_string(&self.output).unwrap());
        self.wait("it prints every span", || read().len() >= count);
        read()
    }

    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let limit = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            assert!(Instant::now() < limit, "not seen that {what}: {}", self.output.display());
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where it is, as the test that runs was built below `target`.
fn installed() -> Option<PathBuf> {
    let tests = env::current_exe().unwrap();
    let target = tests.ancestors().nth(3)?;
    let versions = fs::read_dir(target.join("collector/lib")).into_iter().flatten().flatten();
    let mut binaries = versions.map(|version| version.path().join("site-packages/rotel/rotel-agent"));
    let found = binaries.find(|binary| binary.exists());
    if needs("rotel (tests/tests/collector/install.sh)", found.is_some()) { found } else { None }
}
