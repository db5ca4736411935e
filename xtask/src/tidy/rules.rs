//! The rules. Each says what to do instead.

/// Bytes that one committed file may have.
const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Lines that one source file may have.
const FILE_LINES_MAX: usize = 1_000;
/// Lines from which a source file should be split.
const FILE_LINES_GOOD: usize = 600;

/// Lines that one function of the product may have.
const FUNCTION_LINES_MAX: usize = 100;
/// Lines from which a function no longer fits a screen.
const FUNCTION_LINES_GOOD: usize = 50;

const SOURCE: &[&str] = &["rs", "ts", "tsx", "js", "mjs", "css", "sh"];
/// Source and prose.
const TEXT: &[&str] = &["rs", "ts", "tsx", "js", "mjs", "css", "sh", "md", "toml", "html", "yml", "yaml"];
const RUST: &[&str] = &["rs"];

const EVERYWHERE: &[&str] = &[""];
const PURE: &[&str] = &["crates/ledger/", "crates/types/"];
const LEDGER: &[&str] = &["crates/ledger/src/"];

/// A word that may not stand in some files.
struct Ban {
    /// Files whose path begins with one of these.
    folders: &'static [&'static str],
    extensions: &'static [&'static str],
    word: &'static str,
    instead: &'static str,
}

const fn pure(word: &'static str, instead: &'static str) -> Ban {
    Ban { folders: PURE, extensions: RUST, word, instead }
}

const fn ledger(word: &'static str, instead: &'static str) -> Ban {
    Ban { folders: LEDGER, extensions: RUST, word, instead }
}

const fn everywhere(word: &'static str, instead: &'static str) -> Ban {
    Ban { folders: EVERYWHERE, extensions: TEXT, word, instead }
}

const BUILT_ONCE: &[&str] = &["crates/", "clinical/"];

const BANS: &[Ban] = &[
    Ban {
        folders: BUILT_ONCE,
        extensions: RUST,
        word: "CARGO_MANIFEST_DIR",
        instead: "one build serves all checkouts: tests run in their crate's folder, so name files from there",
    },
    pure("SystemTime::now", "use the block's time"),
    pure("Instant::now", "use the block's time"),
    pure("std::net", "node does the network"),
    pure("tokio", "node and gateway are async, this is not"),
    ledger("HashMap", "BTreeMap has one order on all nodes"),
    ledger("HashSet", "BTreeSet has one order on all nodes"),
    // Cut in two, so that this file passes its own rules.
    everywhere(concat!("TO", "DO"), "do it, or file an issue"),
    everywhere(concat!("FIX", "ME"), "mend it, or file an issue"),
    everywhere(concat!("/ro", "ot/"), "name no machine's folders"),
];

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Everything that is wrong with one file, a line each.
pub(super) fn problems(path: &str, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    if bytes.len() > FILE_BYTES_MAX {
        found.push(format!("{path}: {} bytes; a committed file has at most {FILE_BYTES_MAX}", bytes.len()));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return found };
    let lines = source_lines(path, text);
    if lines > FILE_LINES_MAX {
        found.push(format!("{path}: {lines} lines; split it, the limit is {FILE_LINES_MAX}"));
    }
    let long = functions(path, text).into_iter().filter(|f| f.lines > FUNCTION_LINES_MAX);
    found.extend(long.map(|f| f.says(path, "split it, the limit is", FUNCTION_LINES_MAX)));
    found.extend(banned_words(path, text));
    found.extend(dated_comments(path, text));
    found.extend(manifest(path, text));
    found.extend(lock_file(path, text));
    found
}

/// Files and functions that are on their way to being too long.
pub(super) fn warnings(path: &str, bytes: &[u8]) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let lines = source_lines(path, text);
    let mut found = Vec::new();
    if lines > FILE_LINES_GOOD && lines <= FILE_LINES_MAX {
        found.push(format!("{path}: {lines} lines; {FILE_LINES_GOOD} is a good limit"));
    }
    let grown = FUNCTION_LINES_GOOD + 1..=FUNCTION_LINES_MAX;
    let long = functions(path, text).into_iter().filter(|f| grown.contains(&f.lines));
    found.extend(long.map(|f| f.says(path, "a good limit is", FUNCTION_LINES_GOOD)));
    found
}

/// A function and its length, from its first line to its closing brace.
struct Function<'a> {
    name: &'a str,
    lines: usize,
}

impl Function<'_> {
    fn says(&self, path: &str, what: &str, limit: usize) -> String {
        format!("{path}: `{}` has {} lines; {what} {limit}", self.name, self.lines)
    }
}

/// The functions of a Rust file of the product, as rustfmt lays them out: each ends with a brace below its own
/// beginning. A test tells a story, which may be long.
fn functions<'a>(path: &str, text: &'a str) -> Vec<Function<'a>> {
    if !RUST.contains(&extension(path)) || path.contains("/tests/") || path.ends_with("tests.rs") {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, line, function_name(line)?)));
    let measured = starts.filter_map(|(at, line, name)| {
        let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let length = lines[at..].iter().position(|l| **l == end)? + 1;
        // A declaration, or a body on the same line: the brace found is another's.
        let head = lines[at..].iter().find(|line| line.ends_with([';', '}', '{']))?;
        head.ends_with('{').then_some(Function { name, lines: length })
    });
    measured.collect()
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let qualifiers = ["pub", "pub(crate)", "pub(super)", "const", "async"];
    let is_start = before.split_whitespace().all(|word| qualifiers.contains(&word));
    let end = after.find(['(', '<'])?;
    is_start.then_some(&after[..end])
}

/// Lines of a hand-written source file; 0 for anything else. Generated files say so near their top.
fn source_lines(path: &str, text: &str) -> usize {
    let generated = text.lines().take(5).any(|l| l.contains(concat!("@gene", "rated")));
    if SOURCE.contains(&extension(path)) && !generated { text.lines().count() } else { 0 }
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, e)| e)
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "/*", "* ", "#", "<!--"].iter().any(|mark| line.starts_with(mark)) && !line.starts_with("#[")
}

fn banned_words(path: &str, text: &str) -> Vec<String> {
    let applies = |ban: &&Ban| {
        ban.folders.iter().any(|f| path.starts_with(f)) && ban.extensions.contains(&extension(path))
    };
    // A pure crate may speak of what it does not do; a left-over note is mostly a comment.
    let counts =
        |ban: &Ban, line: &str| has_word(line, ban.word) && (ban.folders == EVERYWHERE || !is_comment(line));
    let lines = || text.lines().enumerate();
    let hits = BANS.iter().filter(applies).flat_map(|ban| {
        lines().filter(|(_, line)| counts(ban, line)).map(move |(number, _)| (number + 1, ban))
    });
    hits.map(|(number, ban)| format!("{path}:{number}: `{}`: {}", ban.word, ban.instead)).collect()
}

/// Does the word stand there on its own (`tokio::spawn`, not `pistokio`)?
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        let before = line[..at].chars().next_back().is_some_and(inside);
        let after = line[at + word.len()..].chars().next().is_some_and(inside);
        let cut = after && word.ends_with(inside);
        !before && !cut
    })
}

/// A comment that names a month of a year rots: it should name the condition instead.
fn dated_comments(path: &str, text: &str) -> Vec<String> {
    if !SOURCE.contains(&extension(path)) {
        return Vec::new();
    }
    let dated = |line: &str| is_comment(line) && MONTHS.iter().any(|m| has_word(line, m)) && has_year(line);
    let hits = text.lines().enumerate().filter(|(_, line)| dated(line));
    hits.map(|(n, _)| format!("{path}:{}: a dated comment: name the condition, not the date", n + 1))
        .collect()
}

fn has_year(line: &str) -> bool {
    let words = line.split(|c: char| !c.is_ascii_digit());
    words.into_iter().any(|w| w.len() == 4 && w.starts_with("20"))
}

/// Every crate takes its lints from its workspace.
fn manifest(path: &str, text: &str) -> Option<String> {
    let of_crate = path.ends_with("Cargo.toml") && text.contains("[package]");
    let obeys = text.contains("[lints]\nworkspace = true");
    (of_crate && !obeys).then(|| format!("{path}: add `[lints]` with `workspace = true`"))
}

/// A lock file names packages and digests, not the mirror they happened to come from.
fn lock_file(path: &str, text: &str) -> Option<String> {
    let named = path.ends_with("package-lock.json") && text.contains("\"resolved\": \"http");
    named.then(|| format!("{path}: holds download addresses; set omit-lockfile-registry-resolved in .npmrc"))
}
