//! All parts of one organisation's vault over one store.

use crate::custodian::decide::Refusal;
use crate::custodian::{CheckConfig, Custodian, ReleaseError};
use crate::emergency::Emergency;
use crate::erasure::Erasure;
use crate::ledger::Ledger;
use crate::mailbox::Mailbox;
use crate::node::{Clock, Context, Node, system_clock};
use crate::outbox::Outbox;
use crate::peers::Peers;
use crate::reader::{Reader, ReaderConfig};
use crate::source::{Source, SourceConfig, SourceError};
use crate::store::{Hold, Store, StoreError};
use salus_crypto::Secret32;
use salus_types::action::{Action, ProxyAct};
use salus_types::block::Block;
use salus_types::proxy::Act;
use salus_types::vault::{
    Directory, PatientAsk, PatientRequest, ProxyRequest, Release, SealedEnvelope, VersionList,
};
use salus_types::{Address, Bounded};
use std::convert::Infallible;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Pause after background work failed.
const CHECK_PAUSE: Duration = Duration::from_secs(10);

/// Begins work anew until it fails for good.
async fn repeated<F: Future<Output = Result<Infallible, StoreError>>>(
    what: &'static str,
    work: impl Fn() -> F,
) -> Result<Infallible, VaultError> {
    loop {
        let Err(error) = work().await;
        if error.is_final() {
            return Err(error.into());
        }
        tracing::error!(%error, what, "the vault tries again");
        tokio::time::sleep(CHECK_PAUSE).await;
    }
}

/// What a vault needs besides its node's names and keys.
pub struct VaultConfig {
    /// Its folder.
    pub folder: PathBuf,
    /// Seals secrets in the folder.
    pub storage_key: Secret32,
    /// How batches are made.
    pub source: SourceConfig,
    /// How a grantee reads.
    pub reader: ReaderConfig,
    /// How a custodian looks after what it keeps.
    pub checks: CheckConfig,
    /// The machine's clock.
    pub clock: Clock,
}

impl VaultConfig {
    /// The defaults for a folder.
    pub fn new(folder: impl Into<PathBuf>, storage_key: Secret32) -> Self {
        Self {
            folder: folder.into(),
            storage_key,
            source: SourceConfig::default(),
            reader: ReaderConfig::default(),
            checks: CheckConfig::default(),
            clock: system_clock(),
        }
    }
}

/// Why a vault does not open or stops.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// An answer to a patient's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatientAnswer {
    /// To [`PatientAsk::Directory`].
    Directory(Directory),
    /// To [`PatientAsk::Versions`].
    Versions(VersionList),
    /// To [`PatientAsk::Release`] and [`PatientAsk::Shares`].
    Release(Box<Release>),
    /// [`PatientAsk::AccessLog`]: the request is good; the log is the gateway's.
    AccessLog(Address),
}

/// An answer to who acts for a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyAnswer {
    /// To [`PatientAsk::Directory`]: sealed [`salus_types::vault::ProxyKeys`].
    Keys(Box<SealedEnvelope>),
    /// To [`PatientAsk::Versions`].
    Versions(VersionList),
    /// To [`PatientAsk::Release`] and [`PatientAsk::Shares`].
    Release(Box<Release>),
}

/// The vault of one organisation.
pub struct Vault {
    /// Seals own records; only with an outbox.
    pub source: Option<Arc<Source>>,
    /// Keeps others' records.
    pub custodian: Arc<Custodian>,
    /// Takes letters.
    pub mailbox: Arc<Mailbox>,
    /// Reads under grants.
    pub reader: Arc<Reader>,
    /// Holds, and opens, others' emergency summaries.
    pub emergency: Arc<Emergency>,
    /// Carries out orders to erase.
    pub erasure: Arc<Erasure>,
}

impl Vault {
    /// Opens or makes the vault; `outbox` is given where clinical records are kept. Blocking, for a moment.
    ///
    /// # Errors
    /// [`VaultError`]: the folder, its key, or a network with fewer than three custodians.
    pub fn open(
        node: Node,
        config: VaultConfig,
        ledger: Arc<dyn Ledger>,
        peers: Arc<dyn Peers>,
        outbox: Option<Arc<dyn Outbox>>,
    ) -> Result<Self, VaultError> {
        let store = Arc::new(Store::open(&config.folder, &config.storage_key)?);
        let ctx = Arc::new(Context { node, ledger, peers, store, clock: config.clock });
        let source = match outbox {
            Some(outbox) => Some(Arc::new(Source::new(ctx.clone(), outbox, config.source)?)),
            None => None,
        };
        let custodian = Arc::new(Custodian::new(ctx.clone(), config.checks));
        Ok(Self {
            mailbox: Arc::new(Mailbox::new(ctx.clone(), source.clone())),
            erasure: Arc::new(Erasure::new(ctx.clone(), source.clone(), &custodian)),
            custodian,
            emergency: Arc::new(Emergency::new(ctx.clone(), config.reader.clone())),
            reader: Arc::new(Reader::new(ctx, config.reader)),
            source,
        })
    }

    /// Holds back what a backup must not miss; see [`Hold`].
    pub async fn hold(&self) -> Hold {
        self.custodian.store().hold().await
    }

    /// Does the vault's background work for as long as it is polled; dropping the future stops it at any point. A store
    /// that fails is tried again with growing pauses, and each failure is logged.
    ///
    /// # Errors
    /// What no retry mends, and the process should end with: tables that must be opened again, and
    /// [`SourceError::Forked`], after which this vault must seal nothing more.
    pub async fn run(&self) -> Result<Infallible, VaultError> {
        let seal = async {
            match &self.source {
                Some(source) => source.clone().run().await.map_err(VaultError::from),
                None => pending().await,
            }
        };
        let letters = async { self.mailbox.run().await.map_err(VaultError::from) };
        let tidy = async {
            match self.custodian.tidy().await {
                Err(error) if error.is_final() => Err(error.into()),
                Err(error) => {
                    tracing::error!(%error, "the next start tidies the packs in custody");
                    pending().await
                }
                Ok(()) => pending().await,
            }
        };
        let kept = repeated("looking after packs in custody", || self.custodian.look_after());
        let audited = repeated("comparing releases", || self.custodian.audit_now_and_then());
        let told = async { self.emergency.run().await.map_err(VaultError::from) };
        let erased = async { self.erasure.run().await.map_err(VaultError::from) };
        tokio::try_join!(seal, letters, told, erased, tidy, kept, audited)
            .map(|(never, _, _, _, _, _, _): (_, _, _, _, Infallible, _, _)| never)
    }

    /// Hears of a final block: grants that it revokes rotate at once, and orders to erase are carried out. A failure is
    /// logged; the sweep comes after it.
    pub async fn on_block(&self, block: &Block) {
        if block.transactions.iter().any(|transaction| matches!(transaction.action, Action::OrderErasure(_)))
        {
            self.erasure.ordered();
        }
        let Some(source) = &self.source else { return };
        for transaction in block.transactions.iter() {
            let ended = match &transaction.action {
                Action::Revoke(revoke) => source.grant_ended(revoke.grant).await,
                Action::ProxyAct(ProxyAct { act: Act::ProxyRevoke(revoke), .. }) => {
                    source.grant_ended(revoke.grant).await
                }
                Action::EndAppointment(end) => source.appointment_ended(end.appointment).await,
                _ => continue,
            };
            if let Err(error) = ended {
                tracing::warn!(%error, "what has ended waits for the next sweep");
            }
        }
    }

    /// Answers a patient's signed request from what this organisation has as source and as custodian.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn answer_patient(&self, request: &PatientRequest) -> Result<PatientAnswer, ReleaseError> {
        let owner = self.custodian.check_patient_request(request).await?;
        Ok(match request.body.ask {
            PatientAsk::Directory => PatientAnswer::Directory(self.directory(owner).await?),
            PatientAsk::Versions => {
                PatientAnswer::Versions(self.custodian.versions_for_patient(owner).await?)
            }
            PatientAsk::Release | PatientAsk::Shares => {
                let packages = request.body.ask == PatientAsk::Release;
                let release = self.custodian.release_for_patient(owner, request, packages).await?;
                PatientAnswer::Release(Box::new(release))
            }
            PatientAsk::AccessLog => PatientAnswer::AccessLog(owner),
        })
    }

    /// Answers a signed request of who acts for a patient, from what this organisation has as source and as custodian.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn answer_proxy(&self, request: &ProxyRequest) -> Result<ProxyAnswer, ReleaseError> {
        self.custodian.check_proxy_request(request).await?;
        let signed = &request.body.mandate;
        Ok(match request.body.ask {
            PatientAsk::Directory => {
                let source = self.source.as_ref().ok_or(Refusal::NotTheOwner)?;
                let keys = source.keys_for_proxy(&signed.mandate).await.map_err(|error| match error {
                    SourceError::Store(error) => ReleaseError::Store(error),
                    _ => Refusal::Signature.into(),
                })?;
                ProxyAnswer::Keys(Box::new(keys.ok_or(Refusal::NotTheOwner)?))
            }
            PatientAsk::Versions => ProxyAnswer::Versions(self.custodian.versions_for_proxy(signed).await?),
            PatientAsk::Release | PatientAsk::Shares => {
                ProxyAnswer::Release(Box::new(self.custodian.release_for_proxy(request).await?))
            }
            PatientAsk::AccessLog => return Err(Refusal::PatientsAlone.into()),
        })
    }

    /// As source it knows all compartments of its patient; as custodian those kept here.
    async fn directory(&self, owner: Address) -> Result<Directory, ReleaseError> {
        let kept = self.custodian.directory_for_patient(owner).await?;
        let Some(source) = &self.source else { return Ok(kept) };
        let own = match source.directory(owner).await {
            Ok(own) => {
                own.unwrap_or(Directory { links: Bounded::default(), compartments: Bounded::default() })
            }
            Err(SourceError::Store(error)) => return Err(error.into()),
            Err(_) => return Err(Refusal::NotTheOwner.into()),
        };
        let mut links = own.links.into_inner();
        links.extend(
            kept.links.into_inner().into_iter().filter(|link| !links.contains(link)).collect::<Vec<_>>(),
        );
        let mut records = own.compartments.into_inner();
        for record in kept.compartments.into_inner() {
            if !records.iter().any(|known| known.statement.compartment == record.statement.compartment) {
                records.push(record);
            }
        }
        Ok(Directory {
            links: Bounded::new(links).map_err(|_| StoreError::Damaged)?,
            compartments: Bounded::new(records).map_err(|_| StoreError::Damaged)?,
        })
    }
}
