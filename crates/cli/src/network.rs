//! Laying out a network: a folder for each organisation, and the genesis that names them all.

use crate::feeds::FeedFile;
use crate::keys::{NewLock, NodeKeys};
use anyhow::Context as _;
use salus_crypto::hash::sha256;
use salus_gateway::bulk::BulkConfig;
use salus_gateway::erasure::RetentionRule;
use salus_gateway::location::Findable;
use salus_gateway::{MailConfig, MailSecurity, SecretText};
use salus_types::genesis::{Genesis, Parameters};
use salus_types::organisation::{Class, Organisation};
use salus_types::{Bounded, OrganisationId, Text};
use salus_verifier::GenesisFile;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// File names inside a node's folder.
pub(crate) const CONFIG_FILE: &str = "node.json";
/// File name of the genesis inside a network's folder.
pub(crate) const GENESIS_FILE: &str = "genesis.json";

/// An organisation to be.
pub(crate) struct Plan {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) class: Class,
}

/// The ports of one organisation.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) public: u16,
    pub(crate) peer: u16,
    pub(crate) ledger: u16,
    pub(crate) metrics: u16,
}

impl Ports {
    /// Ports of the organisation with an index; ten are set apart for each.
    pub(crate) fn of(base: u16, index: usize) -> anyhow::Result<Self> {
        let first = usize::from(base) + 10 * index;
        let port = |offset: usize| u16::try_from(first + offset).context("the base port is too high");
        Ok(Self { public: port(0)?, peer: port(1)?, ledger: port(2)?, metrics: port(3)? })
    }
}

/// What an operator decides about a node: `node.json` in its folder. Paths are relative to that folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeFile {
    /// This organisation.
    pub(crate) organisation: OrganisationId,
    /// The genesis.
    pub(crate) genesis: PathBuf,
    /// Where the public routes listen, `host:port`.
    pub(crate) public: String,
    /// Where the outside reaches them.
    pub(crate) public_url: String,
    /// Certificate chain and key of the public routes; only a demo does without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) public_tls: Option<TlsFiles>,
    /// More origins under which the outside reaches the portal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) more_origins: Vec<String>,
    /// Where other nodes reach this one, `host:port`.
    pub(crate) peer: String,
    /// Where the ledger listens, `host:port`.
    pub(crate) ledger: String,
    /// Plain HTTP on `localhost`, for the demo only.
    pub(crate) demo_http: bool,
    /// Whether the organisation's keys may lie in the clear; else they are sealed.
    #[serde(default)]
    pub(crate) clear_keys: bool,
    /// Whether this organisation keeps clinical records.
    pub(crate) clinical: bool,
    /// `host:port` of an engine that the organisation runs elsewhere, on a network of its own; by default the node
    /// starts one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) engine: Option<String>,
    /// Loopback address, `host:port`, on which a Prometheus on this machine finds metrics; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<String>,
    /// Where e-mail to patients goes: notices of emergency access. Without it none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mail: Option<MailFile>,
    /// How long records are to be kept, by category, and by which law; the usual rules, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retention: Option<Vec<RetentionRule>>,
    /// Birthday on which a person comes of age by the law that binds the organisation, from 14 to 21; 18, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) of_age_years: Option<u16>,
    /// Exports and imports of many records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bulk: Option<BulkFile>,
    /// `host:port` of receivers of notifications that may be on this network, or without TLS; by default none is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) subscription_hosts: Vec<String>,
    /// Another terminology server, which is asked what codes mean that this node does not know; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) terminology: Option<TerminologyFile>,
    /// Who may be found here by other organisations, if the patient has not chosen; as usual for the class, if nothing is
    /// said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) findable: Option<Findable>,
    /// What validation does to what feeds and bulk loads write. People's writes are always refused with every problem.
    #[serde(default)]
    pub(crate) feed_validation: FeedValidation,
    /// What the organisation runs already, and sends to the node or lets itself be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) feeds: Vec<FeedFile>,
}

impl NodeFile {
    /// Whether the clinical store is in the node's folder.
    pub(crate) fn has_clinical_store(&self) -> bool {
        self.clinical && self.engine.is_none()
    }

    /// Reads the one in a node's folder.
    pub(crate) fn read(home: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(home.join(CONFIG_FILE)).context("the folder has no `node.json`")?;
        serde_json::from_str(&text).context("`node.json`")
    }

    /// A node on this machine alone.
    pub(crate) fn local(organisation: OrganisationId, genesis: PathBuf, ports: Ports) -> Self {
        Self {
            organisation,
            genesis,
            public: format!("127.0.0.1:{}", ports.public),
            public_url: format!("http://localhost:{}", ports.public),
            public_tls: None,
            more_origins: Vec::new(),
            subscription_hosts: Vec::new(),
            peer: format!("127.0.0.1:{}", ports.peer),
            ledger: format!("127.0.0.1:{}", ports.ledger),
            demo_http: false,
            clear_keys: false,
            clinical: false,
            engine: None,
            metrics: Some(format!("127.0.0.1:{}", ports.metrics)),
            mail: None,
            retention: None,
            of_age_years: None,
            bulk: None,
            terminology: None,
            findable: None,
            feed_validation: FeedValidation::default(),
            feeds: Vec::new(),
        }
    }
}

/// An SMTP server that takes the organisation's e-mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailFile {
    /// Its name.
    server: String,
    /// Its port.
    port: u16,
    /// `tls`, `starttls`, or `none` for a server on this machine.
    security: MailSecurity,
    /// Who signs in there, if it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// File with the password, relative to the node's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_file: Option<PathBuf>,
    /// The sender.
    from: String,
}

impl MailFile {
    /// With the password from its file.
    pub(crate) fn config(&self, home: &Path) -> anyhow::Result<MailConfig> {
        let login = match (&self.user, &self.password_file) {
            (Some(user), Some(file)) => {
                let text =
                    fs::read_to_string(home.join(file)).context("the file with the e-mail password")?;
                let text = SecretText::new(text);
                Some((user.clone(), SecretText::new(text.trim_end().to_owned())))
            }
            (None, None) => None,
            _ => anyhow::bail!("`mail` in `node.json`: `user` and `password_file` belong together"),
        };
        let MailFile { server, port, security, from, .. } = self.clone();
        Ok(MailConfig { server, port, security, login, from })
    }
}

/// What an operator decides about exports and imports of many records.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkFile {
    /// For how many hours an export can be fetched; a day by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    export_hours: Option<u16>,
    /// Folder whose `.ndjson` files may be imported, relative to the node's folder; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    import_folder: Option<PathBuf>,
    /// URLs below which files may be imported: `https`, with a slash at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    import_urls: Vec<String>,
    /// Whether these may lead to this machine and to private networks.
    #[serde(default)]
    import_private_addresses: bool,
}

impl BulkFile {
    /// With the usual values for what is not said.
    pub(crate) fn config(&self, home: &Path) -> anyhow::Result<BulkConfig> {
        for url in &self.import_urls {
            let whole = url.starts_with("https://") && url.ends_with('/');
            anyhow::ensure!(
                whole,
                "`bulk` in `node.json`: `{url}` begins with `https://` and ends with a slash"
            );
        }
        let usual = BulkConfig::default();
        let kept = self.export_hours.map(|hours| Duration::from_secs(u64::from(hours) * 3_600));
        Ok(BulkConfig {
            export_kept: kept.unwrap_or(usual.export_kept),
            import_folder: self.import_folder.as_ref().map(|folder| home.join(folder)),
            import_urls: self.import_urls.clone(),
            import_private: self.import_private_addresses,
            ..usual
        })
    }
}

/// What an operator decides about another terminology server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TerminologyFile {
    /// Base URL of its FHIR R4 API: `https`.
    pub(crate) server: String,
    /// Whether it is on this machine or in a private network, and may do without TLS.
    #[serde(default)]
    pub(crate) private_address: bool,
}

/// PEM files (RFC 7468), relative to the node's folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsFiles {
    /// The certificate chain, own certificate first.
    pub(crate) certificates: PathBuf,
    /// The private key.
    pub(crate) key: PathBuf,
}

/// What validation does to what feeds write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FeedValidation {
    /// Takes it and flags it, so that no history is lost to a validator.
    #[default]
    Flag,
    /// Refuses it.
    Enforce,
    /// Takes it unseen.
    Off,
}

impl FeedValidation {
    /// As the engine's option names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Enforce => "enforce",
            Self::Off => "off",
        }
    }
}

/// Makes keys, configurations and genesis for `plans` below `folder`.
pub(crate) fn create(
    folder: &Path,
    base_port: u16,
    time_ms: u64,
    epoch_blocks: u32,
    plans: &[Plan],
) -> anyhow::Result<Genesis> {
    let mut organisations = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        organisations.push(create_node(folder, plan, Ports::of(base_port, index)?)?);
    }
    organisations.sort_by(|left, right| left.id.cmp(&right.id));
    let genesis = Genesis {
        name: Text::new("Salus demo")?,
        time_ms,
        parameters: Parameters { epoch_blocks, ..Parameters::default() },
        organisations: Bounded::new(organisations)?,
    };
    genesis.check()?;
    fs::write(folder.join(GENESIS_FILE), serde_json::to_string_pretty(&GenesisFile::of(&genesis))?)?;
    Ok(genesis)
}

fn create_node(folder: &Path, plan: &Plan, ports: Ports) -> anyhow::Result<Organisation> {
    let file = NodeFile {
        demo_http: true,
        clear_keys: true,
        clinical: plan.class == Class::Provider,
        ..NodeFile::local(plan.id.parse()?, Path::new("..").join(GENESIS_FILE), ports)
    };
    let keys = create_home(&folder.join(plan.id), &file, None)?;
    Ok(Organisation {
        id: file.organisation,
        name: Text::new(plan.name)?,
        class: plan.class,
        validator: true,
        custodian: plan.class.may_be_custodian(),
        node_key: keys.node.public(),
        kem_key: Bounded::new(keys.kem.public().0.to_vec())?,
        tls_certificate: sha256(&keys.tls.certificate),
        ledger_address: Text::new(file.ledger)?,
        peer_url: Text::new(format!("https://{}", file.peer))?,
        portal_url: Text::new(file.public_url)?,
    })
}

/// Makes a node's folder: new keys, sealed under `lock` if there is one, and its configuration.
pub(crate) fn create_home(home: &Path, file: &NodeFile, lock: Option<NewLock>) -> anyhow::Result<NodeKeys> {
    fs::create_dir_all(home)?;
    let keys = NodeKeys::create(home, lock)?;
    fs::write(home.join(CONFIG_FILE), serde_json::to_string_pretty(file)?)?;
    Ok(keys)
}

/// Reads a genesis file.
pub(crate) fn read_genesis(path: &Path) -> anyhow::Result<Genesis> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    GenesisFile::parse(&text).with_context(|| format!("`{}`", path.display()))
}
