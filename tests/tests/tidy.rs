//! Checks the absences that ARCHITECTURE.md promises: which words must not stand in which files, and which files must not
//! import each other.

use imports::Imports;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[path = "tidy/imports.rs"]
mod imports;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files below a folder of the project, with their paths from its root.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            if path.is_dir() && !name.ends_with("target") && !name.contains("/.venv") {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no {ending} below {folder}");
    found.sort();
    found
}

/// The lines of a file that are code, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line))
}

/// Fails with every line of code below `folder` that has one of `words`, but for the files in `except`.
fn forbid(folder: &str, words: &[&str], except: &[&str], why: &str) {
    let mut found = Vec::new();
    for (name, text) in files(folder, ".rs") {
        if except.iter().any(|except| name.contains(except)) {
            continue;
        }
        for (at, line) in code(&text) {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{name}:{at}: {}", line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

const LIBRARIES: [&str; 2] = ["cekura-trace/src", "cekura-trace-macros/src"];

/// Which file of the library imports which.
fn imports() -> Imports {
    let source = "cekura-trace/src/";
    let files = files(source, ".rs");
    let imports =
        Imports::read(files.iter().map(|(name, text)| (name.split_at(source.len()).1, text.as_str())));
    let (files, edges) = imports.size();
    assert!(files > 100 && edges > 300, "{edges} imports of {files} files are too few to be all");
    imports
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = imports();
    let ways: Vec<_> = imports.circles().iter().map(|circle| imports.way_round(circle[0])).collect();
    assert!(ways.is_empty(), "move what is shared into a file that both can import:\n{}", ways.join("\n"));
}

#[test]
fn a_circle_is_seen_through_groups_names_and_what_is_given_on() {
    let circles = |files: &[(&str, &str)]| {
        let imports = Imports::read(files.iter().copied());
        imports.circles().iter().map(|circle| imports.way_round(circle[0])).collect::<Vec<_>>()
    };
    let given_on = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub(crate) mod inner; pub(crate) use inner::Thing as Other;"),
        ("a/inner.rs", "use crate::b::{self, Part, other::{Most, Least}}; pub struct Thing;"),
        ("b.rs", "mod other; // use crate::nowhere;\nfn f() { g(crate::a::Other) }"),
        ("b/other.rs", ""),
    ];
    assert_eq!(circles(&given_on), ["a/inner.rs -> b.rs -> a/inner.rs"]);
    let harmless = [
        (
            "a.rs",
            "mod inner; use inner::Part; pub(in crate::b) struct A; const TEXT: &str = \"crate::b::B\";",
        ),
        ("a/inner.rs", "use super::A; #[cfg(test)] mod tests { use crate::b::B; }"),
        ("b.rs", "use crate::a::A; macro_rules! m { () => { $crate::c::C } } mod here { use super::B; }"),
        ("c.rs", "fn f() -> impl A + use<'_> { '\\''; r#\"crate::b\"#; crate::b::B }"),
    ];
    assert!(circles(&harmless).is_empty());
}

#[test]
fn recording_reaches_the_opentelemetry_api_only() {
    let elsewhere = ["delivery", "telemetry.rs", "local", "testing.rs", "watch.rs"];
    let network = ["opentelemetry_sdk", "hyper", "hyper_util", "tonic", "rustls", "http", "tokio"];
    imports().forbid("recording", |file, roots| {
        // It spawns tasks; of `http` these have the types of headers and requests.
        let let_off = match file {
            "recording/context.rs" => "tokio",
            "recording/tower.rs" | "recording/w3c.rs" => "http",
            _ => "",
        };
        let names_network = network.iter().any(|name| roots.contains(*name) && *name != let_off);
        elsewhere.iter().any(|part| file.starts_with(part)) || names_network
    });
}

#[test]
fn delivery_does_not_reach_recording() {
    imports().forbid("delivery", |file, _| file.starts_with("recording"));
}

#[test]
fn no_path_climbs_far() {
    forbid(
        "cekura-trace/src",
        &["super::super"],
        &[],
        "a path that climbs to its parent's parent begins with `crate`",
    );
}

#[test]
fn only_config_reads_the_environment() {
    for library in LIBRARIES {
        forbid(
            library,
            &["env::var", "std::env::", "use std::env"],
            &["delivery/config", "delivery/audio/tests"],
            "only config reads the environment, and tests that are skipped where a tool is missing",
        );
    }
}

#[test]
fn only_delivery_opens_sockets() {
    forbid(
        "cekura-trace/src",
        &["TcpStream", "TcpListener", "UdpSocket", "hyper_util::", "tonic::"],
        &["src/delivery/"],
        "only delivery opens sockets",
    );
}

#[test]
fn only_expand_writes_tokens() {
    forbid(
        "cekura-trace-macros/src",
        &["quote!", "quote_spanned!"],
        &["src/expand", "src/tests"],
        "only expand contains quote!",
    );
}

#[test]
fn generated_code_reaches_only_private() {
    let expand =
        files("cekura-trace-macros/src", ".rs").into_iter().filter(|(name, _)| name.contains("expand"));
    for (name, text) in expand {
        for (at, line) in
            code(&text).filter(|(_, line)| line.contains("#krate::") || line.contains("::cekura::"))
        {
            assert!(line.contains("__private"), "{name}:{at}: {line}");
        }
    }
}

#[test]
fn the_library_does_not_print_or_panic_on_purpose() {
    for library in LIBRARIES {
        forbid(
            library,
            &["println!", "eprintln!", "print!(", "dbg!("],
            &["src/local/", "/tests.rs", "/tests/"],
            "printing belongs to local mode",
        );
        forbid(
            library,
            &["todo!", "unimplemented!", "unsafe "],
            &["/tests.rs", "/tests/", "function.rs", "plan.rs"],
            "unfinished or unsafe",
        );
    }
}

#[test]
fn no_module_is_a_drawer() {
    for library in LIBRARIES {
        for (name, _) in files(library, ".rs") {
            let stem = Path::new(&name).file_stem().unwrap().to_string_lossy().into_owned();
            assert!(
                !["util", "utils", "common", "helpers", "prelude", "types", "misc"].contains(&&*stem),
                "{name}"
            );
        }
    }
}

#[test]
fn keys_are_spelled_once() {
    let semconv = fs::read_to_string(root().join("cekura-trace/src/semconv.rs")).unwrap();
    let keys =
        semconv.lines().filter_map(|line| line.split_once("= \"")?.1.split_once("\";")).map(|(key, _)| key);
    let dotted: Vec<String> = keys
        .filter(|key| key.contains('.') && !key.starts_with('.') && !key.ends_with('.'))
        .map(|key| format!("\"{key}\""))
        .collect();
    assert!(dotted.len() > 20, "{dotted:?}");
    let words: Vec<&str> = dotted.iter().map(String::as_str).collect();
    forbid(
        "cekura-trace/src",
        &words,
        &["src/semconv.rs", "/tests.rs", "/tests/"],
        "a span attribute key outside semconv",
    );
}

#[test]
fn every_file_says_what_it_is_and_fits_in_the_head() {
    for folder in ["cekura-cli", "cekura-trace/src", "cekura-trace-macros/src", "examples", "tests"] {
        for (name, text) in files(folder, ".rs") {
            if name.contains("/ui/") {
                continue;
            }
            assert!(text.starts_with("//!"), "{name} does not begin with //!");
            let lines = text.lines().count();
            // Most are two things by then.
            assert!(lines <= 600, "{name} has {lines} lines");
        }
    }
}

#[test]
fn so_does_every_script() {
    for (folder, ending) in [("cekura-trace/src", ".js"), ("tests/browser", ".mjs")] {
        for (name, text) in files(folder, ending) {
            assert!(text.starts_with("// "), "{name} does not begin with a comment");
            assert!(text.lines().count() <= 400, "{name} is too long");
        }
    }
}

#[test]
fn no_client_of_the_program_gets_features_of_ours() {
    let manifest = fs::read_to_string(root().join("cekura-trace/Cargo.toml")).unwrap();
    // Cargo joins the features of one crate: with TLS of ours but no provider, reqwest's own client panics.
    let reqwest = manifest.lines().find(|line| line.starts_with("reqwest = {")).unwrap();
    assert_eq!(reqwest, "reqwest = { workspace = true, optional = true }");
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let reqwest = workspace.lines().find(|line| line.starts_with("reqwest = ")).unwrap();
    assert!(reqwest.ends_with("default-features = false }"), "{reqwest}");
    // With `exporter` an exporter of the program's may take another protocol.
    let default = manifest.lines().find(|line| line.starts_with("default = ")).unwrap();
    assert!(!default.contains("exporter"), "{default}");
}

#[test]
fn features_are_written_down() {
    let manifest = fs::read_to_string(root().join("cekura-trace/Cargo.toml")).unwrap();
    let features = manifest.split_once("[features]\n").unwrap().1.split_once("\n\n").unwrap().0;
    let mut previous = "";
    for line in features.lines() {
        assert!(
            line.starts_with('#') || line.starts_with("default") || previous.starts_with('#'),
            "`{line}` needs a sentence"
        );
        previous = line;
    }
}

#[test]
fn settings_and_features_are_on_the_page_of_settings() {
    let page = fs::read_to_string(root().join("cekura-trace/src/guide/settings.md")).unwrap();
    let config = files("cekura-trace/src/delivery/config", ".rs");
    let names: BTreeSet<&str> = config
        .iter()
        .filter(|(name, _)| !name.contains("/tests"))
        .flat_map(|(_, text)| text.split('"').skip(1).step_by(2))
        .filter(|text| {
            text.starts_with("CEKURA_") && text.bytes().all(|each| each.is_ascii_uppercase() || each == b'_')
        })
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`{name}")), "{name} is missing");
    }
    let manifest = fs::read_to_string(root().join("cekura-trace/Cargo.toml")).unwrap();
    let features = manifest.split_once("[features]\n").unwrap().1.split_once("\n\n").unwrap().0;
    for (feature, _) in features.lines().filter_map(|line| line.split_once(" = ")).skip(1) {
        assert!(page.contains(&format!("| `{feature}` |")), "the feature {feature} is missing");
    }
}

#[test]
fn arguments_of_the_attributes_are_in_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("## Arguments\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let table = fs::read_to_string(root().join("cekura-trace-macros/src/args/table.rs")).unwrap();
    let keys = table.split("key: \"").skip(1).filter_map(|rest| rest.split('"').next());
    let missing: Vec<_> = keys
        .clone()
        .filter(|key| {
            ![format!("`{key}`"), format!("`{key}("), format!("`{key} =")]
                .iter()
                .any(|word| section.contains(word))
        })
        .collect();
    assert!(keys.count() > 30 && missing.is_empty(), "{missing:?}");
}

#[test]
fn every_file_that_a_page_links_to_is_there() {
    const HERE: &str = "https://github.com/cekura-ai/cekura-trace-rust/";
    let pages = [".", "docs", "deploy", "cekura-trace/src/guide", "examples"].into_iter();
    let pages = pages.flat_map(|folder| {
        let read = fs::read_dir(root().join(folder)).unwrap();
        read.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md"))
    });
    let mut links = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let at = match link.strip_prefix(HERE) {
                Some(rest) => match rest.split_once("/main/") {
                    Some((_, path)) => root().join(path),
                    None => continue,
                },
                None if link.contains("://") || link.starts_with('#') || link.contains("::") => continue,
                None => page.parent().unwrap().join(link),
            };
            let at = at.display().to_string();
            assert!(fs::exists(at.split('#').next().unwrap()).unwrap(), "{} links to {link}", page.display());
            links += 1;
        }
    }
    assert!(links > 20, "{links}");
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let page = fs::read_to_string(root().join("docs/reliability.md")).unwrap();
    let sources: String = ["cekura-cli/tests", "cekura-trace/src", "tests/tests"]
        .iter()
        .flat_map(|folder| files(folder, ".rs"))
        .map(|(_, text)| text)
        .collect();
    let rows: Vec<Vec<_>> = page
        .lines()
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .filter(|row: &Vec<_>| row[0].parse::<u8>().is_ok())
        .collect();
    for number in 1..=40_u8 {
        assert!(rows.iter().any(|row| row[0] == number.to_string()), "row {number} is not there");
    }
    for row in &rows {
        let names = row.last().unwrap().split('`').skip(1).step_by(2);
        for name in names {
            assert!(sources.contains(&format!("fn {name}()")), "row {}: no test {name}", row[0]);
        }
    }
}
