//! Reads which file of a crate imports which, from `use` and from paths that begin with `crate`, `super` or `self`.
//! Invariant: an item counts as of the file that defines it, however many `pub use` are on the way.
//!
//! Test modules are left out, and so is `$crate`, which is the path of whoever calls the macro. That a file uses what
//! stands in a folder beneath it does not count, unless it gives that on to others: a thing and its parts are one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The files of a crate by number, and what each one imports.
pub(crate) struct Imports {
    names: Vec<String>,
    modules: Vec<Path>,
    edges: Vec<BTreeSet<usize>>,
    /// The first parts of all paths in a file, such as `std`.
    roots: Vec<BTreeSet<String>>,
}

type Path = Vec<String>;

/// What a file says of itself, before the paths are followed.
#[derive(Default)]
struct Said {
    paths: Vec<Path>,
    /// What it gives on: the name, and the path it stands for.
    exports: BTreeMap<String, Path>,
    roots: BTreeSet<String>,
}

impl Imports {
    /// Reads files, given by their paths below the crate's root and their texts.
    pub(crate) fn read<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let is_test = |name: &str| name.split('/').any(|part| part == "tests" || part == "tests.rs");
        let files: Vec<_> = files.filter(|(name, _)| !is_test(name)).collect();
        let names: Vec<_> = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        let modules: Vec<Path> = names.iter().map(|name| module(name)).collect();
        let said: Vec<Said> = files
            .iter()
            .zip(&modules)
            .map(|((_, text), module)| Reader::new(text, module, &modules).read())
            .collect();
        let defining = |path: &Path| define(path, &modules, &said, 0);
        let edges = said.iter().enumerate().map(|(file, said)| {
            said.paths.iter().filter_map(defining).filter(|other| *other != file).collect()
        });
        let edges = edges.collect();
        let roots = said.into_iter().map(|said| said.roots).collect();
        Self { names, modules, edges, roots }
    }

    /// The files that are in a circle, in groups of which each one imports each other, directly or not.
    pub(crate) fn circles(&self) -> Vec<Vec<&str>> {
        let reached: Vec<_> = (0..self.names.len()).map(|file| self.reach(file)).collect();
        let mut circles: Vec<Vec<&str>> = Vec::new();
        for file in 0..self.names.len() {
            let same =
                |other: &usize| reached[file].contains_key(other) && reached[*other].contains_key(&file);
            let circle: Vec<usize> = (0..self.names.len()).filter(same).collect();
            if circle.first() == Some(&file) && circle.len() > 1 {
                circles.push(circle.into_iter().map(|file| self.names[file].as_str()).collect());
            }
        }
        circles
    }

    /// A shortest way from a file back to itself, in words.
    pub(crate) fn way_round(&self, name: &str) -> String {
        let file = self.names.iter().position(|known| known == name).unwrap();
        let reached = self.reach(file);
        let back = reached.keys().filter(|other| self.edges[**other].contains(&file));
        let ways = back.map(|last| self.way(&reached, *last));
        ways.min_by_key(Vec::len).map(|way| format!("{} -> {name}", way.join(" -> "))).unwrap_or_default()
    }

    /// Fails where a file below `from` reaches one that `forbidden` says something of, and names the way.
    pub(crate) fn forbid(&self, from: &str, forbidden: impl Fn(&str, &BTreeSet<String>) -> bool) {
        let mut found = Vec::new();
        for file in (0..self.names.len()).filter(|file| self.names[*file].starts_with(from)) {
            let reached = self.reach(file);
            for other in reached.keys().filter(|other| forbidden(&self.names[**other], &self.roots[**other]))
            {
                found.push(self.way(&reached, *other).join(" -> "));
            }
        }
        found.sort_by_key(String::len);
        assert!(found.is_empty(), "{from} must not reach this:\n{}", found.join("\n"));
    }

    /// What a file reaches, itself included, and from where.
    fn reach(&self, file: usize) -> BTreeMap<usize, usize> {
        let (mut reached, mut next) = (BTreeMap::from([(file, file)]), VecDeque::from([file]));
        while let Some(file) = next.pop_front() {
            for other in &self.edges[file] {
                if !reached.contains_key(other) {
                    reached.insert(*other, file);
                    next.push_back(*other);
                }
            }
        }
        reached
    }

    fn way(&self, reached: &BTreeMap<usize, usize>, to: usize) -> Vec<&str> {
        let mut way = vec![to];
        while let Some(from) = way.last().map(|last| reached[last])
            && way.last() != Some(&from)
        {
            way.push(from);
        }
        way.iter().rev().map(|file| self.names[*file].as_str()).collect()
    }

    /// How many files were read, and how many imports.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.modules.len(), self.edges.iter().map(BTreeSet::len).sum())
    }
}

/// The module that a file is.
fn module(name: &str) -> Path {
    let name = name.strip_suffix(".rs").unwrap_or(name);
    name.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// The file that defines what a path names.
fn define(path: &[String], modules: &[Path], said: &[Said], depth: usize) -> Option<usize> {
    let (length, file) = (0..=path.len())
        .rev()
        .find_map(|length| Some((length, modules.iter().position(|known| *known == path[..length])?)))?;
    let export = path.get(length).and_then(|item| said[file].exports.get(item));
    match export {
        // `pub use a::a` of a module and a function in it must not go round for ever.
        Some(to) if depth < 8 => {
            let to: Path = to.iter().chain(&path[length + 1..]).cloned().collect();
            define(&to, modules, said, depth + 1)
        }
        _ => Some(file),
    }
}

/// Reads the tokens of one file.
struct Reader<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    /// The module here: the file's, and what it opens in itself, with the depth at which that ends.
    module: Path,
    inner: Vec<usize>,
    depth: usize,
    modules: &'a [Path],
    said: Said,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, module: &[String], modules: &'a [Path]) -> Self {
        let tokens = tokens(text);
        Self {
            tokens,
            at: 0,
            module: module.to_vec(),
            inner: Vec::new(),
            depth: 0,
            modules,
            said: Said::default(),
        }
    }

    fn read(mut self) -> Said {
        while let Some(token) = self.peek(0) {
            match token {
                "#" if self.is(&["#", "[", "cfg", "(", "test", ")", "]"]) => self.skip_item(),
                "{" => self.depth += 1,
                "}" => {
                    self.depth -= 1;
                    if self.inner.last() == Some(&self.depth) {
                        self.inner.pop();
                        self.module.pop();
                    }
                }
                "mod" if self.peek(2) == Some("{") => {
                    self.module.push(self.peek(1).unwrap_or_default().to_owned());
                    self.inner.push(self.depth);
                }
                // Not that of `impl Trait + use<'a>`.
                "use" if self.peek(1) != Some("<") => {
                    let is_given_on = self.at > 0 && matches!(self.tokens[self.at - 1], "pub" | ")");
                    self.at += 1;
                    self.use_tree(&Vec::new(), is_given_on);
                    continue;
                }
                _ if self.peek(1) == Some("::") && self.is_start() => self.path(),
                _ => {}
            }
            self.at += 1;
        }
        self.said
    }

    fn peek(&self, ahead: usize) -> Option<&'a str> {
        self.tokens.get(self.at + ahead).copied()
    }

    /// Whether a path starts here. That of `pub(in crate::recording)` imports nothing.
    fn is_start(&self) -> bool {
        let before = &self.tokens[..self.at];
        !(before.ends_with(&["::"]) || before.ends_with(&["$"]) || before.ends_with(&["(", "in"]))
    }

    fn is(&self, words: &[&str]) -> bool {
        self.tokens[self.at..].starts_with(words)
    }

    /// Skips attributes and the item behind them.
    fn skip_item(&mut self) {
        let mut depth = 0;
        while let Some(token) = self.peek(0) {
            match token {
                "{" | "[" | "(" => depth += 1,
                "}" | "]" | ")" => depth -= 1,
                _ => {}
            }
            let is_over = token == ";" || token == "}" || token == ",";
            if depth == 0 && is_over {
                return;
            }
            self.at += 1;
        }
    }

    /// A path in the code.
    fn path(&mut self) {
        let mut path = vec![self.tokens[self.at].to_owned()];
        while self.peek(1) == Some("::") && self.peek(2).is_some_and(is_word) {
            path.push(self.tokens[self.at + 2].to_owned());
            self.at += 2;
        }
        self.note(&path, None);
    }

    /// What stands behind `use`, or in its braces.
    fn use_tree(&mut self, above: &[String], is_given_on: bool) {
        let mut path = above.to_vec();
        loop {
            match self.peek(0) {
                Some("{") => {
                    self.at += 1;
                    while !matches!(self.peek(0), Some("}") | None) {
                        self.use_tree(&path, is_given_on);
                        if self.peek(0) == Some(",") {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                Some("::") => self.at += 1,
                Some(word) if is_word(word) || word == "*" => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
                _ => break,
            }
            if self.peek(0) == Some("as") {
                let name = self.peek(1).unwrap_or_default();
                self.at += 2;
                return self.note(&path, is_given_on.then(|| name.to_owned()));
            }
        }
        if path.last().is_some_and(|last| last == "self" || last == "*") && path.len() > 1 {
            path.pop();
        }
        let name = path.last().cloned().filter(|_| is_given_on);
        self.note(&path, name);
    }

    /// Notes a path; `name` is under what it is given on.
    fn note(&mut self, path: &[String], name: Option<String>) {
        let Some(first) = path.first() else { return };
        let supers = path.iter().take_while(|part| *part == "super").count();
        let path: Path = match first.as_str() {
            "crate" => path[1..].to_vec(),
            "self" => self.module.iter().chain(&path[1..]).cloned().collect(),
            "super" => {
                let above = self.module.len().saturating_sub(supers);
                self.module[..above].iter().chain(&path[supers..]).cloned().collect()
            }
            _ => {
                let beneath: Path = self.module.iter().chain(path).cloned().collect();
                let is_child = self.modules.contains(&beneath[..=self.module.len()].to_vec());
                if !is_child {
                    self.said.roots.insert(first.clone());
                    return;
                }
                // A thing may use its parts.
                if name.is_none() {
                    return;
                }
                beneath
            }
        };
        if let Some(name) = name {
            self.said.exports.insert(name, path.clone());
        }
        self.said.paths.push(path);
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

/// Words and signs of a Rust file, without comments and what stands in quotes.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => quoted(rest),
            '\'' => lifetime_or_char(rest),
            _ if rest.starts_with("r\"") || rest.starts_with("r#\"") || rest.starts_with("br\"") => raw(rest),
            _ if is_word(rest) => {
                rest.find(|each: char| !each.is_alphanumeric() && each != '_').unwrap_or(rest.len())
            }
            _ if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        let is_token = !first.is_whitespace() && !token.starts_with(['"', '\'']) && !token.starts_with("//");
        if is_token && !token.contains('"') && !token.starts_with("/*") {
            tokens.push(token);
        }
        rest = behind;
    }
    tokens
}

/// The bytes of a string at the start of a text.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, each)| {
        let is_end = *each == '"' && !is_escaped;
        is_escaped = *each == '\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

fn raw(text: &str) -> usize {
    let end = if text.starts_with("r#") { "\"#" } else { "\"" };
    let start = text.find('"').unwrap_or_default() + 1;
    text[start..].find(end).map_or(text.len(), |at| start + at + end.len())
}

fn lifetime_or_char(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => {
            chars.find(|(_, each)| *each == '\'').map_or(text.len(), |(at, _)| at + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}
