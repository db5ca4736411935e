//! What the nodes of a demo network are started with, as options that the demo and the bench share.

use anyhow::Context as _;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Programs and files that a node needs beside its home.
#[derive(clap::Args, Clone)]
pub(crate) struct Assets {
    /// The clinical engine's program.
    #[arg(long, env = "SALUS_ENGINE")]
    pub(crate) engine: PathBuf,
    /// Folder of the FHIR definitions.
    #[arg(long, env = "SALUS_DEFINITIONS")]
    pub(crate) definitions: PathBuf,
    /// Folder of the built portal.
    #[arg(long, env = "SALUS_PORTAL_DIST")]
    pub(crate) portal: Option<PathBuf>,
}

impl Assets {
    /// The same by absolute paths, each of which exists.
    pub(crate) fn absolute(&self) -> anyhow::Result<Self> {
        let absolute = |path: &Path| fs::canonicalize(path).with_context(|| format!("`{}`", path.display()));
        Ok(Self {
            engine: absolute(&self.engine)?,
            definitions: absolute(&self.definitions)?,
            portal: self.portal.as_deref().map(absolute).transpose()?,
        })
    }

    /// The options that hand them to `salus node` and `salus demo`.
    pub(crate) fn options(&self) -> Vec<OsString> {
        let mut options: Vec<OsString> = vec!["--engine".into(), self.engine.clone().into()];
        options.extend(["--definitions".into(), self.definitions.clone().into()]);
        if let Some(portal) = &self.portal {
            options.extend(["--portal".into(), portal.clone().into()]);
        }
        options
    }
}
