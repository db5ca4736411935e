//! What a grant reaches and is not held yet, as the custodians list it.

use super::{ReadError, Reader};
use crate::combine::Keys;
use crate::ledger::entry;
use crate::mailbox::{grant_keys, grant_letter};
use crate::node::blocking;
use crate::peers::PeerError;
use crate::store::Reads as _;
use crate::store::tables::{HELD, id_at_end};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use salus_types::organisation::Organisation;
use salus_types::state::{GrantEntry, key};
use salus_types::vault::{Letter, ListedVersion, ReleaseAsk, VersionList};
use salus_types::{GrantId, OrganisationId, VersionId};
use std::collections::{HashMap, HashSet};
use tokio::time::timeout;

/// Custodians that must answer.
pub(super) const CUSTODIANS_NEEDED: usize = 2;

/// A grant with all that reading needs.
pub(super) struct Opened {
    pub(super) letter: Letter,
    pub(super) keys: Keys,
    pub(super) held: HashSet<VersionId>,
}

/// Versions that a grant reaches and that are not held.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In the order of sealing.
    pub versions: Vec<ListedVersion>,
    /// How many versions the grant reaches and are held already.
    pub held: usize,
    /// Custodians that list each version.
    pub(super) listed_by: HashMap<VersionId, Vec<OrganisationId>>,
}

impl Reader {
    pub(super) async fn open_grant(&self, grant: GrantId) -> Result<Opened, ReadError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let tx = store.read()?;
            let (letter, _) = grant_letter(&store, &tx, &grant)?.ok_or(ReadError::UnknownGrant)?;
            let keys = grant_keys(&store, &tx, &grant)?;
            let held = tx.scan(&HELD, grant.as_bytes(), None, usize::MAX)?;
            let held = held.iter().map(|(at, _)| VersionId(id_at_end(at))).collect();
            Ok::<_, ReadError>(Opened { letter, keys, held })
        })
        .await
    }

    /// Refuses early what custodians would refuse.
    pub(super) async fn check_live(&self, letter: &Letter) -> Result<(), ReadError> {
        let grant: Option<GrantEntry> = entry(&*self.ctx.ledger, key::grant(&letter.terms.grant)).await?;
        let now = self.ctx.ledger.now().time_ms;
        let latest = now.max((self.ctx.clock)());
        let reason = match grant {
            None => "the ledger has no such grant",
            Some(grant) if grant.revoked.is_some() => "the grant is revoked",
            Some(grant) if !grant.is_live(latest) => "the grant has expired",
            Some(_) if now < letter.terms.not_before_ms => "the grant has not begun",
            Some(_) => return Ok(()),
        };
        Err(ReadError::Refused(reason.to_owned()))
    }

    /// Versions that the grant reaches and that are not held yet.
    ///
    /// # Errors
    /// [`ReadError::TemporarilyUnavailable`] if fewer than two custodians answer.
    pub async fn plan(&self, grant: GrantId) -> Result<Plan, ReadError> {
        let opened = self.open_grant(grant).await?;
        self.check_live(&opened.letter).await?;
        self.plan_of(&opened).await
    }

    pub(super) async fn plan_of(&self, grant: &Opened) -> Result<Plan, ReadError> {
        let ask = ReleaseAsk {
            terms: grant.letter.terms.clone(),
            terms_salt: grant.letter.terms_salt,
            consent: grant.letter.consent.clone(),
        };
        let organisations = self.ctx.ledger.organisations();
        let (custodians, others): (Vec<_>, Vec<_>) =
            organisations.into_iter().partition(|organisation| organisation.custodian);
        // All but one: then at least two of the three that hold a version have answered, whichever they are.
        let needed = custodians.len().saturating_sub(1).max(CUSTODIANS_NEEDED);
        let mut lists = self.ask_each(custodians, &ask, needed).await;
        let plan = merge(&lists, &grant.held);
        if matches!(plan, Err(ReadError::Refused(_))) || plan.as_ref().is_ok_and(Plan::is_readable) {
            return plan;
        }
        // Who was a custodian until lately may still have what is on its way to others.
        let former: Vec<_> =
            others.into_iter().filter(|organisation| organisation.class.may_be_custodian()).collect();
        let needed = former.len();
        let found = self.ask_each(former, &ask, needed).await;
        lists.extend(
            found
                .into_iter()
                .filter(|(_, answer)| answer.as_ref().is_ok_and(|list| !list.versions.is_empty())),
        );
        merge(&lists, &grant.held)
    }

    /// Asks organisations for their lists, until some have answered and the others take too long.
    async fn ask_each(&self, whom: Vec<Organisation>, ask: &ReleaseAsk, needed: usize) -> Lists {
        let mut asked: FuturesUnordered<_> = whom
            .into_iter()
            .map(|custodian| {
                let (ask, to) = (ask.clone(), custodian.id);
                async move {
                    let answer =
                        timeout(self.config.custodian_timeout, self.ctx.peers.versions(&to, ask)).await;
                    (to, answer.unwrap_or(Err(PeerError::Unavailable)))
                }
            })
            .collect();
        let (mut lists, mut answers) = (Vec::new(), 0);
        loop {
            let next = if answers < needed {
                asked.next().await
            } else {
                timeout(self.config.hedge, asked.next()).await.ok().flatten()
            };
            let Some((custodian, answer)) = next else { return lists };
            answers += usize::from(answer.is_ok());
            lists.push((custodian, answer));
        }
    }
}

impl Plan {
    /// Whether anything is listed, and every version by enough custodians.
    fn is_readable(&self) -> bool {
        let by = |listed: &ListedVersion| self.listed_by.get(&listed.version).map_or(0, Vec::len);
        let enough = self.versions.iter().all(|listed| by(listed) >= CUSTODIANS_NEEDED);
        enough && !self.listed_by.is_empty()
    }
}

/// Answers, by who gave them.
type Lists = Vec<(OrganisationId, Result<VersionList, PeerError>)>;

fn merge(lists: &Lists, held: &HashSet<VersionId>) -> Result<Plan, ReadError> {
    let (mut plan, mut seen, mut answers, mut refusal) = (Plan::default(), HashSet::new(), 0, None);
    for (custodian, answer) in lists {
        match answer {
            Ok(list) => {
                answers += 1;
                for listed in list.versions.iter() {
                    let version = listed.version;
                    if !seen.contains(&version) {
                        seen.insert(version);
                        if held.contains(&version) {
                            plan.held += 1;
                        } else {
                            plan.versions.push(listed.clone());
                        }
                    }
                    let by = plan.listed_by.entry(version).or_default();
                    if !by.contains(custodian) {
                        by.push(custodian.clone());
                    }
                }
            }
            Err(PeerError::Refused(reason)) => refusal = Some(reason),
            Err(PeerError::Unavailable) => {}
        }
    }
    match (answers >= CUSTODIANS_NEEDED, refusal) {
        (true, _) => Ok(plan),
        (false, Some(reason)) => Err(ReadError::Refused(reason.clone())),
        (false, None) => Err(ReadError::TemporarilyUnavailable("fewer than two custodians answer")),
    }
}
