//! The process: folders, lock, socket, and an orderly end.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, bail};
use axum::{Router, response::IntoResponse};
use engine_core::{Engine, Options};
use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{fhir, internal, outcome::Refused};

/// What the handlers share.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Serves until SIGTERM, SIGINT or, when supervised, the end of standard input.
pub(crate) async fn run(options: Options, socket: &Path, supervised: bool) -> anyhow::Result<()> {
    private_folder(&options.data)?;
    let _lock = lock(&options.data)?;
    let engine = Engine::open(options).await?;
    let listener = bind(socket)?;
    let (stop, stopping) = watch::channel(false);
    let app = Arc::new(App { engine, stopping: stopping.clone() });
    let maintenance = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.engine.maintain().await }
    });
    tokio::spawn(watch_for_end(stop, supervised));
    tracing::info!("ready");
    axum::serve(listener, routes(Arc::clone(&app)))
        .with_graceful_shutdown(async move {
            let mut stopping = stopping;
            let _ = stopping.wait_for(|stopping| *stopping).await;
        })
        .await?;
    maintenance.abort();
    let _ = fs::remove_file(socket);
    app.engine.close().await?;
    tracing::info!("stopped");
    Ok(())
}

fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/fhir", axum::routing::any(fhir::serve))
        .route("/fhir/", axum::routing::any(fhir::serve))
        .route("/fhir/{*path}", axum::routing::any(fhir::serve))
        .nest("/internal", internal::routes())
        .fallback(|| async { Refused::NotOffered.into_response() })
        .with_state(app)
}

async fn watch_for_end(stop: watch::Sender<bool>, supervised: bool) {
    let signals = async {
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return std::future::pending().await;
        };
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    };
    let parent = async {
        if !supervised {
            std::future::pending::<()>().await;
        }
        let (closed, ended) = tokio::sync::oneshot::channel();
        // A blocking read cannot be cancelled, so it has a thread of its own.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = closed.send(());
        });
        let _ = ended.await;
    };
    tokio::select! { () = signals => {}, () = parent => {} }
    stop.send_replace(true);
}

/// Two processes on one database would each believe its own caches.
fn lock(data: &Path) -> anyhow::Result<File> {
    let file = File::create(data.join("engine.lock")).context("create the lock file")?;
    file.try_lock().context("another engine uses this data folder")?;
    Ok(file)
}

fn private_folder(folder: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).context("create a private folder")?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o1000 != 0 {
        bail!("a private folder is needed, not one that everybody may write to");
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700)).context("make a folder private")
}

fn bind(socket: &Path) -> anyhow::Result<UnixListener> {
    private_folder(socket.parent().context("the socket needs a folder")?)?;
    if socket.exists() {
        fs::remove_file(socket).context("remove the old socket")?;
    }
    let listener = UnixListener::bind(socket).context("bind the socket")?;
    fs::set_permissions(socket, Permissions::from_mode(0o600))?;
    Ok(listener)
}
