//! Granting, listing and revoking.

use super::Session;
use crate::clock::now_ms;
use crate::output::Output;
use anyhow::{Context as _, bail};
use salus_types::action::scope_commitment;
use salus_types::category::{Category, Purpose};
use salus_types::organisation::Organisation;
use salus_types::state::{DroppedEntry, GrantEntry, key};
use salus_types::{GrantId, OrganisationId};
use salus_vault::patient::{GrantAsk, NewGrant, OpenCompartment, make_grant, revoke as revoke_transaction};
use serde::Serialize;

/// How long a transaction may wait to be included, in blocks.
pub(super) const LIFETIME_BLOCKS: u64 = 2_000;
pub(super) const DAY_MS: u64 = 24 * 3_600 * 1_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    grant: String,
    source: String,
    state: &'static str,
    expiry_ms: u64,
    accesses: u32,
    /// Whether the former grantee has given its receipt of deletion.
    dropped: bool,
}

/// A grant of this person that the ledger knows.
pub(super) struct Known {
    pub(super) grant: GrantId,
    pub(super) source: OrganisationId,
    /// The ledger holds no more than a commitment to it, which this person's keys open.
    pub(super) grantee: OrganisationId,
    pub(super) counter: u32,
    pub(super) entry: GrantEntry,
}

impl Session {
    /// Every grant of this person. Grants are numbered by source without gaps, so the key file finds them all.
    pub(super) async fn known_grants(&self) -> anyhow::Result<Vec<Known>> {
        let mut known = Vec::new();
        for source in self.sources()? {
            for counter in 0.. {
                let grant = GrantId::of(&self.root.grant_key(&source.id, counter).public());
                let Some(entry) = self.relay.state::<GrantEntry>(key::grant(&grant)).await? else { break };
                let grantee =
                    self.grantee(&source.id, counter, &entry).context("a grant's scope does not open")?;
                known.push(Known { grant, source: source.id.clone(), grantee, counter, entry });
            }
        }
        Ok(known)
    }

    /// Who may read by a grant: the organisation that opens the commitment of its scope.
    fn grantee(&self, source: &OrganisationId, counter: u32, entry: &GrantEntry) -> Option<OrganisationId> {
        let salt = self.root.scope_salt(source, counter);
        let ids = self.members.organisations.iter().map(|organisation| &organisation.id);
        let opens = |id: &&OrganisationId| {
            Purpose::ALL.iter().any(|purpose| scope_commitment(id, *purpose, &salt) == entry.scope)
        };
        ids.into_iter().find(opens).cloned()
    }
}

pub(super) fn parse_categories(text: &str) -> anyhow::Result<Vec<Category>> {
    if text == "all" {
        return Ok(Category::ALL.iter().copied().filter(|category| !category.is_protected()).collect());
    }
    let parse = |name: &str| {
        let all: Vec<_> = Category::ALL.iter().map(|category| category.as_str()).collect();
        name.trim().parse().with_context(|| format!("no category `{name}`; there are {}", all.join(", ")))
    };
    text.split(',').map(parse).collect()
}

impl Session {
    /// Grants what all other organisations hold in these categories: one grant for each source.
    pub(crate) async fn make_grants(
        &self,
        to: &str,
        categories: &[Category],
        purpose: Purpose,
        days: u32,
    ) -> anyhow::Result<Vec<Made>> {
        let grantee =
            self.members.organisation(&to.parse()?).with_context(|| format!("no organisation `{to}`"))?;
        if days == 0 {
            bail!("a grant lasts at least one day");
        }
        if !self.file.at.contains_key(to) {
            bail!("this person is not registered at `{to}`, which could not tell whose chart to open");
        }
        let known = self.known_grants().await?;
        let mut made = Vec::new();
        for source in self.sources()?.iter().filter(|source| source.id != grantee.id) {
            let directories = self.directories(source, &self.root.at(&source.id)).await?;
            let chosen: Vec<OpenCompartment> = directories
                .compartments
                .into_iter()
                .filter(|opened| categories.contains(&opened.category))
                .collect();
            if chosen.is_empty() {
                continue;
            }
            let counter = known.iter().filter(|grant| grant.source == source.id).count();
            let counter = u32::try_from(counter)?;
            made.push(self.send(source, grantee, counter, &chosen, purpose, days).await?);
        }
        if made.is_empty() {
            bail!("there is nothing in these categories that another organisation could share with `{to}`");
        }
        Ok(made)
    }

    async fn send(
        &self,
        source: &Organisation,
        grantee: &Organisation,
        counter: u32,
        compartments: &[OpenCompartment],
        purpose: Purpose,
        days: u32,
    ) -> anyhow::Result<Made> {
        let head = self.relay.head().await?;
        let patient =
            self.file.at.get(grantee.id.as_str()).map_or("", |text| text.trim_start_matches("Patient/"));
        // The ledger's clock may be a little behind this machine's.
        let begin = head.time_ms.min(now_ms()?);
        let ask = GrantAsk {
            network: self.members.network(),
            source,
            grantee,
            counter,
            purpose,
            not_before_ms: begin,
            expiry_ms: begin + u64::from(days) * DAY_MS,
            compartments,
            future: true,
            practitioner: None,
            patient,
        };
        let new = make_grant(&self.root, &ask)?;
        let height = self.relay.submit(&new.transaction(ask.network, head.height + LIFETIME_BLOCKS)).await?;
        if let Err(error) = self.deliver(source, grantee, &new).await {
            // Without its letters a grant gives nothing, and would look as if it did.
            let until = self.relay.head().await?.height + LIFETIME_BLOCKS;
            let revoke = revoke_transaction(&self.root, ask.network, &source.id, counter, until);
            self.relay.submit(&revoke).await.context("a grant could be neither delivered nor ended")?;
            return Err(error.context("the grant could not be delivered, and is ended; try again later"));
        }
        self.relay.reaches(grantee, height).await;
        Ok(Made { grant: new.grant, source: source.id.clone(), expiry_ms: ask.expiry_ms })
    }

    async fn deliver(
        &self,
        source: &Organisation,
        grantee: &Organisation,
        new: &NewGrant,
    ) -> anyhow::Result<()> {
        // The source first: without its notice it would not turn the keys when the grant ends.
        self.relay.mail(&source.id, &new.notice).await?;
        self.relay.mail(&grantee.id, &new.letter).await
    }

    /// Ends a grant. Gives the former grantee, and whether its own node is known to have heard.
    pub(crate) async fn end_grant(&self, grant: GrantId) -> anyhow::Result<(OrganisationId, bool)> {
        let known = self.known_grants().await?;
        let found = known
            .into_iter()
            .find(|known| known.grant == grant)
            .context("this is no grant of this key file")?;
        if found.entry.revoked.is_some() {
            return Ok((found.grantee, true));
        }
        let until = self.relay.head().await?.height + LIFETIME_BLOCKS;
        let network = self.members.network();
        let transaction = revoke_transaction(&self.root, network, &found.source, found.counter, until);
        let height = self.relay.submit(&transaction).await?;
        let grantee =
            self.members.organisation(&found.grantee).context("the grantee has left the network")?;
        let heard = self.relay.reaches(grantee, height).await;
        Ok((found.grantee, heard))
    }
}

/// A grant that was made.
pub(crate) struct Made {
    pub(crate) grant: GrantId,
    source: OrganisationId,
    expiry_ms: u64,
}

pub(super) async fn grant(
    session: &Session,
    to: &str,
    categories: &str,
    purpose: Purpose,
    days: u32,
    output: Output,
) -> anyhow::Result<()> {
    let made = session.make_grants(to, &parse_categories(categories)?, purpose, days).await?;
    let list = |made: &Made| Listed {
        grant: made.grant.to_string(),
        source: made.source.to_string(),
        state: "active",
        expiry_ms: made.expiry_ms,
        accesses: 0,
        dropped: false,
    };
    let listed: Vec<Listed> = made.iter().map(list).collect();
    output.result(&serde_json::json!({ "grants": listed }), || {
        let lines = listed.iter().map(|grant| format!("{}  records of {}", grant.grant, grant.source));
        format!("Granted to {to} for {purpose}, {days} days:\n{}", lines.collect::<Vec<_>>().join("\n"))
    })
}

pub(super) async fn revoke(session: &Session, grant: GrantId, output: Output) -> anyhow::Result<()> {
    let (grantee, enforced) = session.end_grant(grant).await?;
    output.result(&serde_json::json!({ "revoked": grant, "enforced": enforced }), || {
        if enforced {
            format!("Ended: {grant}. {grantee} knows, and can no longer read with it.")
        } else {
            format!("Ended: {grant}. No custodian releases keys for it; {grantee} does not answer yet.")
        }
    })
}

pub(super) async fn print(session: &Session, output: Output) -> anyhow::Result<()> {
    let now = session.relay.head().await?.time_ms;
    let mut listed = Vec::new();
    for known in session.known_grants().await? {
        listed.push(Listed {
            grant: known.grant.to_string(),
            source: known.source.to_string(),
            state: match (known.entry.revoked, known.entry.is_live(now)) {
                (Some(_), _) => "ended",
                (None, true) => "active",
                (None, false) => "expired",
            },
            expiry_ms: known.entry.expiry_ms,
            accesses: known.entry.accesses,
            dropped: session.is_dropped(&known.grant).await?,
        });
    }
    output.result(&serde_json::json!({ "grants": listed }), || {
        let line = |grant: &Listed| {
            format!("{}  {:<13} {:<8} {} reads", grant.grant, grant.source, grant.state, grant.accesses)
        };
        let lines: Vec<String> = listed.iter().map(line).collect();
        if lines.is_empty() { "No grants yet.".to_owned() } else { lines.join("\n") }
    })
}

impl Session {
    /// Whether any organisation has given a receipt of deletion: only a former grantee can.
    pub(crate) async fn is_dropped(&self, grant: &GrantId) -> anyhow::Result<bool> {
        for organisation in self.members.organisations.iter() {
            let key = key::dropped(grant, &organisation.id);
            if self.relay.state::<DroppedEntry>(key).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
