//! One cache of builds for all checkouts, without stale builds.
//!
//! Cargo tells a changed source from a built one by its time alone. A second checkout with other contents and older
//! times would be taken for built; a fresh clone of the same contents, with new times, would be built again. So each
//! build folder remembers, for every source, its hash and the time that it had when it last changed. Before a build the
//! sources of a checkout are given these times: to cargo, all checkouts look like one that is edited in place.

use crate::digest;
use crate::paths::Paths;
use crate::run;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file in a build folder.
const MEMORY: &str = "salus-sources.txt";

/// By path in the checkout: hash, and nanoseconds since 1970.
type Sources = BTreeMap<String, (String, u128)>;

/// Gives the sources of this checkout the times that the build folders remember. Outside git nothing is known of the
/// sources, and nothing is done.
pub(crate) fn settle(paths: &Paths) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(&paths.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let Ok(listed) = run::output(&mut git) else { return Ok(()) };
    let listed = listed.split('\0').filter(|name| !name.is_empty());
    let (clinical, main): (Vec<_>, Vec<_>) = listed.partition(|name| name.starts_with("clinical/"));
    settle_for(&paths.root, &main, &paths.target)?;
    settle_for(&paths.root, &clinical, &paths.engine_target())
}

fn settle_for(root: &Path, names: &[&str], target: &Path) -> Result<()> {
    let memory = target.join(MEMORY);
    let mut sources = fs::read_to_string(&memory).map(|text| parse(&text)).unwrap_or_default();
    for name in names {
        let path = root.join(name);
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
            settle_one(&mut sources, name, &path)?;
        }
    }
    fs::create_dir_all(target)?;
    let fresh: PathBuf = target.join(format!("{MEMORY}.new"));
    fs::write(&fresh, print(&sources))?;
    fs::rename(&fresh, &memory).with_context(|| format!("cannot write `{}`", memory.display()))
}

fn settle_one(sources: &mut Sources, name: &str, path: &Path) -> Result<()> {
    let hash = digest::file(path)?;
    let nanos = match sources.get(name) {
        Some((known, nanos)) if *known == hash => *nanos,
        _ => SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos(),
    };
    sources.insert(name.to_owned(), (hash, nanos));
    let time = UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanos)?);
    if fs::metadata(path)?.modified()? != time {
        File::options().append(true).open(path)?.set_modified(time)?;
    }
    Ok(())
}

fn parse(text: &str) -> Sources {
    let line = |line: &str| {
        let (hash, rest) = line.split_once(' ')?;
        let (nanos, name) = rest.split_once(' ')?;
        Some((name.to_owned(), (hash.to_owned(), nanos.parse().ok()?)))
    };
    text.lines().filter_map(line).collect()
}

fn print(sources: &Sources) -> String {
    sources.iter().map(|(name, (hash, nanos))| format!("{hash} {nanos} {name}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_of(path: &Path) -> SystemTime {
        fs::metadata(path).and_then(|found| found.modified()).expect("a time")
    }

    #[test]
    fn equal_contents_get_the_time_of_the_first_and_other_contents_a_new_one() -> Result<()> {
        let dir = std::env::temp_dir().join(format!("salus-xtask-freshness-{}", std::process::id()));
        let (one, two, target) = (dir.join("one"), dir.join("two"), dir.join("target"));
        fs::create_dir_all(&one)?;
        fs::create_dir_all(&two)?;
        fs::write(one.join("a"), "1")?;
        settle_for(&one, &["a"], &target)?;
        let first = time_of(&one.join("a"));

        fs::write(two.join("a"), "1")?;
        settle_for(&two, &["a"], &target)?;
        assert_eq!(time_of(&two.join("a")), first, "a clone is not built again");

        fs::write(two.join("a"), "2")?;
        File::options().append(true).open(two.join("a"))?.set_modified(UNIX_EPOCH)?;
        settle_for(&two, &["a"], &target)?;
        let second = time_of(&two.join("a"));
        assert!(second > first, "other contents are never taken for built, however old they are");

        settle_for(&one, &["a"], &target)?;
        assert!(time_of(&one.join("a")) > second, "nor are the former ones after that");
        fs::remove_dir_all(dir)?;
        Ok(())
    }
}
