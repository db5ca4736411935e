//! SHA-256 of files and folders: fixed digests for what is fetched, stamps for what need not be redone.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn file(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(hex(Sha256::digest(bytes).as_slice()))
}

/// SHA-256 over the names and contents below a folder, whatever order the disk lists them in.
/// Entries of the folder itself that are in `except` do not count.
pub(crate) fn folder(path: &Path, except: &[&str]) -> Result<String> {
    let mut hasher = Sha256::new();
    add_folder(&mut hasher, path, except)?;
    Ok(hex(hasher.finalize().as_slice()))
}

fn add_folder(hasher: &mut Sha256, path: &Path, except: &[&str]) -> Result<()> {
    let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if except.contains(&name.as_str()) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            hasher.update(format!("folder {name}\n"));
            add_folder(hasher, &entry.path(), &[])?;
            hasher.update("end\n");
        } else if kind.is_file() {
            hasher.update(format!("file {name} {}\n", file(&entry.path())?));
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Does this stamp file say that the work for `wanted` is done?
pub(crate) fn is_stamped(stamp: &Path, wanted: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_digest_changes_with_names_and_contents_but_not_with_excluded_entries() -> Result<()> {
        let dir = std::env::temp_dir().join(format!("salus-xtask-digest-{}", std::process::id()));
        fs::create_dir_all(dir.join("src"))?;
        fs::create_dir_all(dir.join("dist"))?;
        fs::write(dir.join("src/a"), "1")?;
        let first = folder(&dir, &["dist"])?;
        fs::write(dir.join("dist/out"), "built")?;
        assert_eq!(folder(&dir, &["dist"])?, first);
        fs::write(dir.join("src/a"), "2")?;
        let second = folder(&dir, &["dist"])?;
        assert_ne!(second, first);
        fs::rename(dir.join("src/a"), dir.join("src/b"))?;
        assert_ne!(folder(&dir, &["dist"])?, second);
        fs::remove_dir_all(dir)?;
        Ok(())
    }
}
