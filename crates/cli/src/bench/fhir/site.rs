//! The hospital that is measured, in its network.

use super::super::http::{Connection, bearer};
use super::super::sealing::engine_authority;
use super::super::stage::{POLL, Stage, process_of};
use super::notify::Receiver;
use crate::assets::Assets;
use crate::demo::report::{Client, Organisation, Report};
use crate::network::{CONFIG_FILE, NodeFile, TlsFiles};
use crate::node::ops;
use crate::token::{self, User};
use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::header::{ACCEPT, HeaderValue};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::{Child, ChildStdin, Command};

/// Who is measured.
pub(super) const HOSPITAL: &str = "hospital-a";
/// Folder of files to import, in the node's own.
pub(super) const IMPORTS: &str = "imports";
/// Longest wait for a node to come up, and for what it does in the background.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

/// A running network.
pub(super) struct Site {
    nodes: Vec<(Child, Option<ChildStdin>)>,
    pub(super) report: Report,
    /// `https://localhost:port`
    base: String,
    client: Client,
    tls: Arc<rustls::ClientConfig>,
    pub(super) receiver: Receiver,
    /// Last: the folder goes when the nodes have ended.
    stage: Stage,
}

impl Site {
    /// Has a demo make the network, and starts its nodes again with Hospital A as in production.
    pub(super) async fn start(assets: &Assets, base_port: u16) -> anyhow::Result<Self> {
        let assets = assets.absolute()?;
        let mut stage = Stage::new(assets.clone(), base_port)?;
        stage.start().await?;
        let report = stage.report()?;
        stage.stop().await?;
        let receiver = Receiver::start().await?;
        let home = stage.home(HOSPITAL);
        let (base, tls) = as_in_production(&home, &receiver)?;
        let client = report.organisation(HOSPITAL)?.client.clone().context("no client")?;
        let client = Client { token_endpoint: format!("{base}/smart/token"), ..client };
        let nodes = report
            .organisations
            .iter()
            .map(|Organisation { id, .. }| spawn(&stage.home(id), &assets))
            .collect::<anyhow::Result<_>>()?;
        let site = Self { nodes, report, base, client, tls, receiver, stage };
        site.until_up().await?;
        Ok(site)
    }

    async fn until_up(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        // Its own answers, and its engine's.
        while self.gateway(None).await.is_err() || self.engine().await.is_err() {
            ensure!(begin.elapsed() < PATIENCE, "the hospital does not come up");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Stops the nodes, each in order.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        for (_, lifeline) in &mut self.nodes {
            *lifeline = None;
        }
        for (node, _) in &mut self.nodes {
            let status = node.wait().await?;
            ensure!(status.success(), "a node stopped with {status}");
        }
        Ok(())
    }

    pub(super) fn home(&self) -> PathBuf {
        self.stage.home(HOSPITAL)
    }

    pub(super) fn ops(&self) -> ops::Client {
        self.stage.ops(HOSPITAL)
    }

    /// A connection of the hospital's own system, or of a clinician through it.
    pub(super) async fn gateway(&self, user: Option<&User>) -> anyhow::Result<Connection> {
        let token = self.token(user).await?;
        Connection::tls(&self.base, Arc::clone(&self.tls), bearer(&token)?).await
    }

    /// A connection to the engine, as the gateway would have it for a system.
    pub(super) async fn engine(&self) -> anyhow::Result<Connection> {
        Connection::unix(&self.home().join("run/engine.sock"), engine_authority()).await
    }

    async fn token(&self, user: Option<&User>) -> anyhow::Result<String> {
        let form = token::form(&self.client, user, None)?;
        let nobody = (ACCEPT, HeaderValue::from_static("application/json"));
        let mut connection = Connection::tls(&self.base, Arc::clone(&self.tls), nobody).await?;
        let kind = [("content-type", token::FORM)];
        let (_, answer) = connection.exchange(Method::POST, "/smart/token", &kind, form.into()).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        Ok(answer["access_token"].as_str().context("no token")?.to_owned())
    }

    /// Process ids of the hospital's node and of its engine, and those of all others.
    pub(super) fn processes(&self) -> anyhow::Result<(u32, u32, Vec<u32>)> {
        let mut others = Vec::new();
        let node = process_of(&self.home())?;
        let engine = child_of(node)?.context("the engine does not run")?;
        for organisation in self.report.organisations.iter().filter(|other| other.id != HOSPITAL) {
            let other = process_of(&self.stage.home(&organisation.id))?;
            others.push(other);
            others.extend(child_of(other)?);
        }
        Ok((node, engine, others))
    }
}

/// Gives the hospital TLS and everything else that a demo leaves out; where it is reached, and how.
fn as_in_production(home: &Path, receiver: &Receiver) -> anyhow::Result<(String, Arc<rustls::ClientConfig>)> {
    let (certificate, key) = salus_gateway::peer::make_certificate()?;
    let files = TlsFiles { certificates: "public.crt".into(), key: "public.key".into() };
    fs::write(home.join(&files.certificates), pem("CERTIFICATE", &certificate))?;
    fs::write(home.join(&files.key), pem("PRIVATE KEY", &key))?;
    fs::create_dir_all(home.join(IMPORTS))?;
    let mut file = NodeFile::read(home)?;
    file.public_url = file.public_url.replacen("http://", "https://", 1);
    file.public_tls = Some(files);
    file.demo_http = false;
    file.bulk = Some(serde_json::from_value(json!({ "import_folder": IMPORTS }))?);
    file.subscription_hosts = vec![receiver.host.clone()];
    fs::write(home.join(CONFIG_FILE), serde_json::to_string_pretty(&file)?)?;
    Ok((file.public_url, Arc::new(trusting(&certificate)?)))
}

/// Trusts one certificate, which signed itself.
fn trusting(certificate: &[u8]) -> anyhow::Result<rustls::ClientConfig> {
    let certificate = CertificateDer::from(certificate.to_vec());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
    let lines: Vec<String> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn spawn(home: &Path, assets: &Assets) -> anyhow::Result<(Child, Option<ChildStdin>)> {
    let log = fs::File::create(home.join("node.log"))?;
    let mut node = Command::new(std::env::current_exe()?)
        .arg("node")
        .arg("--home")
        .arg(home)
        .arg("--supervised")
        .args(assets.options())
        .stdin(Stdio::piped())
        .stdout(Stdio::from(log.try_clone()?))
        .stderr(Stdio::from(log))
        .kill_on_drop(true)
        .spawn()
        .context("a node does not start")?;
    let lifeline = node.stdin.take();
    Ok((node, lifeline))
}

/// The first process that another one started.
fn child_of(parent: u32) -> anyhow::Result<Option<u32>> {
    let mut children = String::new();
    for task in fs::read_dir(format!("/proc/{parent}/task"))? {
        children += &fs::read_to_string(task?.path().join("children")).unwrap_or_default();
    }
    Ok(children.split_whitespace().next().and_then(|pid| pid.parse().ok()))
}
