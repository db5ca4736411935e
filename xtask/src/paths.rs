//! Where things are: the checkout, and the caches outside it (a clean checkout need not rebuild the world).

use anyhow::{Context, Result};
use std::env;
use std::path::PathBuf;

/// How programs are built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// For tests and the demo: optimised, and built quickly.
    Development,
    /// For what is measured and packaged.
    Release,
}

/// The folders that chores read and write. All are absolute.
pub(crate) struct Paths {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// `$SALUS_CACHE`, else `$XDG_CACHE_HOME/salus`, else `~/.cache/salus`.
    pub(crate) cache: PathBuf,
    /// Build folder of the main workspace: an already set `$CARGO_TARGET_DIR`, else in the cache.
    pub(crate) target: PathBuf,
    /// How programs are built, and so where they lie.
    pub(crate) profile: Profile,
}

impl Paths {
    /// Finds the folders from the environment; creates nothing.
    ///
    /// # Errors
    /// When neither a cache folder nor a home folder is named by the environment.
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = PathBuf::from(manifest).parent().context("xtask lies in the checkout")?.to_path_buf();
        let cache = folder("SALUS_CACHE")
            .or_else(|| folder("XDG_CACHE_HOME").map(|d| d.join("salus")))
            .or_else(|| folder("HOME").map(|d| d.join(".cache/salus")))
            .context("set SALUS_CACHE to a folder for builds and tools: there is no HOME to put it in")?;
        let cache = std::path::absolute(cache)?;
        let target = match folder("CARGO_TARGET_DIR") {
            Some(set) => std::path::absolute(set)?,
            None => cache.join("target"),
        };
        Ok(Self { root, cache, target, profile: Profile::Development })
    }

    /// The same, with programs as they are shipped.
    pub(crate) fn released(&self) -> Self {
        Self {
            root: self.root.clone(),
            cache: self.cache.clone(),
            target: self.target.clone(),
            profile: Profile::Release,
        }
    }

    pub(crate) fn portal(&self) -> PathBuf {
        self.root.join("portal")
    }

    pub(crate) fn portal_dist(&self) -> PathBuf {
        self.portal().join("dist")
    }

    pub(crate) fn clinical(&self) -> PathBuf {
        self.root.join("clinical")
    }

    pub(crate) fn engine_target(&self) -> PathBuf {
        self.cache.join("engine-target")
    }

    pub(crate) fn definitions(&self) -> PathBuf {
        self.cache.join("definitions")
    }

    pub(crate) fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    pub(crate) fn tools_target(&self) -> PathBuf {
        self.cache.join("tools-target")
    }

    /// Where somebody may have put FHIR bundles for tests: beside the checkout.
    pub(crate) fn test_data(&self) -> Option<PathBuf> {
        Some(self.root.parent()?.join("shared/data/synthea-r4"))
    }

    /// A program of the main workspace.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join(self.profile.folder()).join(name)
    }

    /// The program `salus`.
    pub(crate) fn salus(&self) -> PathBuf {
        self.program("salus")
    }

    /// The clinical engine's binary.
    pub(crate) fn engine(&self) -> PathBuf {
        self.engine_target().join(self.profile.folder()).join("salus-engine")
    }

    /// Has the clinical workspace been written yet?
    pub(crate) fn has_clinical(&self) -> bool {
        self.clinical().join("Cargo.toml").exists()
    }

    /// Has the portal been written yet?
    pub(crate) fn has_portal(&self) -> bool {
        self.portal().join("package.json").exists()
    }
}

impl Profile {
    /// The folder in which cargo puts programs of this profile.
    fn folder(self) -> &'static str {
        match self {
            Self::Development => "debug",
            Self::Release => "release",
        }
    }
}

fn folder(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}
