//! Acting for one another: the offer, the appointment and its end, and what somebody does who acts.

use super::Session;
use super::anchors::{Anchors, roots};
use super::grants::{DAY_MS, LIFETIME_BLOCKS, parse_categories};
use super::records::{Record, newest, record, show};
use crate::clock::now_ms;
use crate::output::Output;
use anyhow::{Context as _, bail};
use commonware_codec::Encode as _;
use salus_types::action::{EndAppointment, ProxyAct};
use salus_types::category::{Category, Purpose};
use salus_types::organisation::Organisation;
use salus_types::proxy::{Act, ProxyRead, ProxyRevoke, proxy_grant};
use salus_types::state::{ActEntry, AppointmentEntry, GrantEntry, key};
use salus_types::transaction::Transaction;
use salus_types::vault::{PatientAsk, Release, SealedEnvelope, SignedMandate, VersionList};
use salus_types::{AppointmentId, GrantId, OrganisationId, PublicKey, VersionId, decode_canonical};
use salus_vault::combine::{Collected, Keys};
use salus_vault::custodian::decide::versions_root;
use salus_vault::patient::{
    AppointAsk, GrantAsk, OpenCompartment, ProxyPair, appoint as make_appointment, collect_release,
    end_appointment, keys_of, make_share,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Versions that one reading on the ledger is over.
const VERSIONS_PER_READING: usize = 1_024;

/// Public keys of somebody who would act, by organisation.
#[derive(Serialize, Deserialize)]
struct Offer {
    /// From which the keys were derived, besides the root.
    invitation: String,
    keys: BTreeMap<String, OfferedKeys>,
}

#[derive(Serialize, Deserialize)]
struct OfferedKeys {
    key: PublicKey,
    kem: String,
}

/// What somebody who acts needs besides the own key file.
#[derive(Serialize, Deserialize)]
pub(super) struct Mandates {
    pub(super) invitation: String,
    pub(super) mandates: Vec<String>,
    /// `Patient/ID` of the person acted for, by organisation.
    pub(super) at: BTreeMap<String, String>,
}

/// How far somebody may act.
pub(super) struct Wish {
    pub(super) categories: Vec<Category>,
    pub(super) days: u32,
    pub(super) share: bool,
    pub(super) ask: bool,
}

/// What somebody who acts does.
#[derive(clap::Subcommand)]
pub(super) enum ActCommand {
    /// List the person's records, as far as the mandates reach.
    Records,
    /// Let an organisation read.
    Grant {
        /// Who may read.
        #[arg(long)]
        to: String,
        /// Categories, comma-separated, or `all` (which leaves out the protected ones).
        #[arg(long)]
        categories: String,
        /// For which purpose.
        #[arg(long, default_value = "treatment")]
        purpose: Purpose,
        /// For how many days from now; not beyond the end of the mandate.
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
    /// List what was shared so, and whether it stands.
    Grants,
    /// End a grant that was made so.
    Revoke {
        /// The grant, as `grant` printed it.
        grant: GrantId,
    },
    /// Lay down what one was asked to do.
    End,
}

pub(super) fn write(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

pub(super) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("`{}` is not such a file", path.display()))
}

pub(super) fn invitation(text: &str) -> anyhow::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    hex::decode_to_slice(text, &mut bytes).context("the invitation is malformed")?;
    Ok(bytes)
}

pub(super) fn offer(session: &Session, out: &Path, output: Output) -> anyhow::Result<()> {
    let invitation: [u8; 16] = salus_crypto::random::bytes();
    let pair = |organisation: &Organisation| {
        let pair = session.root.proxy_at(&organisation.id, &invitation);
        let keys = OfferedKeys { key: pair.signing.public(), kem: hex::encode(pair.kem.public().0) };
        (organisation.id.to_string(), keys)
    };
    let keys = session.members.organisations.iter().map(pair).collect();
    write(out, &Offer { invitation: hex::encode(invitation), keys })?;
    output.result(&serde_json::json!({ "offer": out }), || {
        format!("Give `{}` to the person for whom you will act.", out.display())
    })
}

pub(super) async fn appoint(
    session: &Session,
    offer: &Path,
    wish: &Wish,
    out: &Path,
    output: Output,
) -> anyhow::Result<()> {
    let offer: Offer = read(offer)?;
    let (mut mandates, mut made) = (Vec::new(), Vec::new());
    let known = session.known_appointments().await?;
    for source in session.sources()? {
        let Some(keys) = offer.keys.get(source.id.as_str()) else { continue };
        let own = session.root.at(&source.id);
        let directories = session.directories(&source, &own).await?;
        let chosen = |opened: &OpenCompartment| wish.categories.contains(&opened.category);
        let compartments: Vec<_> = directories.compartments.into_iter().filter(chosen).collect();
        if compartments.is_empty() {
            continue;
        }
        let head = session.relay.head().await?;
        let counter = known.iter().filter(|known| known.source == source.id).count();
        let ask = AppointAsk {
            network: session.members.network(),
            source: &source.id,
            counter: u32::try_from(counter)?,
            proxy: keys.key,
            kem_key: &hex::decode(&keys.kem).context("the offer's keys are malformed")?,
            shares: wish.share,
            asks: wish.ask,
            until_ms: head.time_ms + u64::from(wish.days) * DAY_MS,
            compartments: &compartments,
        };
        let new = make_appointment(&session.root, &ask)?;
        let until = head.height + LIFETIME_BLOCKS;
        let transaction = Transaction::sign(ask.network, &new.one_time, until, new.action);
        let height = session.relay.submit(&transaction).await?;
        session.relay.reaches(&source, height).await;
        mandates.push(hex::encode(new.mandate.encode()));
        made.push(serde_json::json!({ "appointment": new.appointment, "source": source.id }));
    }
    if mandates.is_empty() {
        bail!("there is nothing in these categories that somebody could see");
    }
    let at = session.file.at.clone();
    write(out, &Mandates { invitation: offer.invitation, mandates, at })?;
    output.result(&serde_json::json!({ "appointments": made }), || {
        format!("Give `{}` to the one who acts for you. It opens nothing without their keys.", out.display())
    })
}

/// An appointment of this person that the ledger knows.
struct Known {
    appointment: AppointmentId,
    source: OrganisationId,
    counter: u32,
    entry: AppointmentEntry,
}

impl Session {
    /// Every appointment of this person: they are numbered by source without gaps.
    async fn known_appointments(&self) -> anyhow::Result<Vec<Known>> {
        let mut known = Vec::new();
        for Organisation { id: source, .. } in self.sources()? {
            for counter in 0.. {
                let appointment = AppointmentId::of(&self.root.appointment_key(&source, counter).public());
                let found: Option<AppointmentEntry> =
                    self.relay.state(key::appointment(&appointment)).await?;
                let Some(entry) = found else { break };
                known.push(Known { appointment, source: source.clone(), counter, entry });
            }
        }
        Ok(known)
    }
}

pub(super) async fn print(session: &Session, output: Output) -> anyhow::Result<()> {
    let now = session.relay.head().await?.time_ms;
    let (mut listed, mut lines) = (Vec::new(), Vec::new());
    for Known { appointment, source, entry, .. } in session.known_appointments().await? {
        let state = match (entry.ended, entry.is_live(now)) {
            (Some(_), _) => "ended",
            (None, true) => "active",
            (None, false) => "expired",
        };
        lines.push(format!("{appointment}  {source:<13} {state:<8} {} acts", entry.acts));
        let mut acts = Vec::new();
        for number in 0..entry.acts {
            let act: Option<ActEntry> = session.relay.state(key::act(&appointment, number)).await?;
            let act = act.context("an act is missing from the shared record")?;
            lines.push(format!("  {number}: {}", words(&act.act)));
            acts.push(serde_json::json!({ "what": act.act.name(), "timeMs": act.time_ms }));
        }
        listed.push(serde_json::json!({
            "appointment": appointment, "source": source, "state": state, "expiryMs": entry.expiry_ms,
            "acts": acts,
        }));
    }
    output.result(&serde_json::json!({ "appointments": listed }), || {
        if lines.is_empty() { "Nobody acts for you.".to_owned() } else { lines.join("\n") }
    })
}

fn words(act: &Act) -> String {
    match act {
        Act::ProxyRead(read) => format!("read {} versions", read.count),
        Act::ProxyGrant(_) => "shared".to_owned(),
        Act::ProxyRevoke(revoke) => format!("ended the grant {}", revoke.grant),
    }
}

pub(super) async fn end(session: &Session, appointment: AppointmentId, output: Output) -> anyhow::Result<()> {
    let known = session.known_appointments().await?;
    let found = known.into_iter().find(|known| known.appointment == appointment);
    let found = found.context("this is no appointment of this key file")?;
    if found.entry.ended.is_none() {
        let until = session.relay.head().await?.height + LIFETIME_BLOCKS;
        let network = session.members.network();
        let transaction = end_appointment(&session.root, network, &found.source, found.counter, until);
        session.relay.submit(&transaction).await?;
    }
    output.result(&serde_json::json!({ "ended": appointment }), || format!("Ended: {appointment}."))
}

/// Somebody who acts for a person at one source.
struct Acting<'a> {
    session: &'a Session,
    source: Organisation,
    mandate: SignedMandate,
    pair: ProxyPair,
}

pub(super) async fn act(
    session: &mut Session,
    mandates: &Path,
    act: ActCommand,
    output: Output,
) -> anyhow::Result<()> {
    let file: Mandates = read(mandates)?;
    let invitation = invitation(&file.invitation)?;
    let mut acting = Vec::new();
    for text in &file.mandates {
        let mandate: SignedMandate =
            decode_canonical(&hex::decode(text)?).context("a mandate is malformed")?;
        let id = &mandate.mandate.source;
        let source = session.members.organisation(id).cloned();
        let source = source.with_context(|| format!("the network has no organisation `{id}`"))?;
        let pair = session.root.proxy_at(id, &invitation);
        acting.push(Acting { session, source, mandate, pair });
    }
    match act {
        ActCommand::Records => {
            let mut gathered = Vec::new();
            for one in &acting {
                gathered.push(one.gather().await?);
            }
            drop(acting);
            show(newest(open(session, gathered).await?), output)
        }
        ActCommand::Grant { to, categories, purpose, days } => {
            let order = Order { to, categories: parse_categories(&categories)?, purpose, days };
            grant(&acting, &order, &file.at, output).await
        }
        ActCommand::Grants => print_grants(&acting, output).await,
        ActCommand::Revoke { grant } => {
            for one in &acting {
                if one.submit_act(ProxyRevoke { grant }.into()).await.is_ok() {
                    return output
                        .result(&serde_json::json!({ "revoked": grant }), || format!("Ended: {grant}."));
                }
            }
            bail!("this grant was not made with these mandates, or has ended")
        }
        ActCommand::End => {
            for one in &acting {
                one.end().await?;
            }
            output.result(&serde_json::json!({ "ended": acting.len() }), || "Ended.".to_owned())
        }
    }
}

/// What custodians gave for one mandate, and the keys.
struct Gathered {
    keys: Keys,
    pages: Vec<(Collected, Vec<VersionId>)>,
}

/// Opens what was gathered, each version with its proof, in the order of sealing.
async fn open(session: &mut Session, all: Vec<Gathered>) -> anyhow::Result<Vec<Record>> {
    let (mut records, mut anchors) = (Vec::new(), Anchors::new());
    for Gathered { keys, pages } in all {
        let mut found = Vec::new();
        for (collected, page) in pages {
            session.fetch_anchors(&collected, &mut anchors).await?;
            let roots = roots(&anchors);
            for version in &page {
                let Some(opened) = collected.open(version, &keys, &roots, &mut Vec::new()) else { continue };
                let order = (opened.released.sequence, opened.released.path.index);
                found.extend(record(opened, &anchors)?.map(|record| (order, record)));
            }
        }
        found.sort_by_key(|(order, _)| *order);
        records.extend(found.into_iter().map(|(_, record)| record));
    }
    Ok(records)
}

/// What is to be shared for a person.
struct Order {
    to: String,
    categories: Vec<Category>,
    purpose: Purpose,
    days: u32,
}

async fn grant(
    acting: &[Acting<'_>],
    order: &Order,
    at: &BTreeMap<String, String>,
    output: Output,
) -> anyhow::Result<()> {
    let (to, days) = (order.to.as_str(), order.days);
    let patient = at.get(to).with_context(|| format!("the person is not registered at `{to}`"))?;
    let patient = patient.trim_start_matches("Patient/");
    let mut made = Vec::new();
    for one in acting.iter().filter(|one| one.source.id.as_str() != to) {
        let grantee = one.session.members.organisation(&to.parse()?);
        let grantee = grantee.with_context(|| format!("no organisation `{to}`"))?;
        let chosen = |opened: &OpenCompartment| order.categories.contains(&opened.category);
        let compartments: Vec<_> = one.compartments().await?.into_iter().filter(chosen).collect();
        if !compartments.is_empty() {
            made.push(one.share(grantee, patient, order, &compartments).await?);
        }
    }
    if made.is_empty() {
        bail!("there is nothing in these categories that could be shared with `{to}`");
    }
    output.result(&serde_json::json!({ "grants": made }), || {
        let lines: Vec<String> = made.iter().map(ToString::to_string).collect();
        format!("Granted to {to} for {days} days:\n{}", lines.join("\n"))
    })
}

async fn print_grants(acting: &[Acting<'_>], output: Output) -> anyhow::Result<()> {
    let (mut listed, mut lines) = (Vec::new(), Vec::new());
    for one in acting {
        for (grant, entry) in one.grants().await? {
            let state = match entry.revoked {
                Some(_) => "ended",
                None if entry.expiry_ms > one.session.relay.head().await?.time_ms => "active",
                None => "expired",
            };
            lines.push(format!("{grant}  {:<13} {state:<8} {} accesses", one.source.id, entry.accesses));
            listed.push(serde_json::json!({
                "grant": grant, "source": one.source.id, "state": state, "expiryMs": entry.expiry_ms,
                "accesses": entry.accesses,
            }));
        }
    }
    output.result(&serde_json::json!({ "grants": listed }), || {
        if lines.is_empty() { "Nothing was shared so.".to_owned() } else { lines.join("\n") }
    })
}

impl Acting<'_> {
    /// What was shared under this appointment, oldest first: the ledger numbers the acts without gaps.
    async fn grants(&self) -> anyhow::Result<Vec<(GrantId, GrantEntry)>> {
        let (appointment, relay) = (self.mandate.mandate.appointment, &self.session.relay);
        let mut grants = Vec::new();
        for number in 0..self.next_act().await? {
            let grant = proxy_grant(&appointment, number);
            let entry: Option<GrantEntry> = relay.state(key::grant(&grant)).await?;
            grants.extend(entry.map(|entry| (grant, entry)));
        }
        Ok(grants)
    }

    async fn ask<T: commonware_codec::Read<Cfg = ()> + commonware_codec::Encode>(
        &self,
        to: &OrganisationId,
        ask: PatientAsk,
        what: (Option<u32>, Vec<VersionId>),
    ) -> anyhow::Result<T> {
        let request = self.pair.sign_request(&self.mandate, to, ask, now_ms()?, what)?;
        self.session.relay.ask_for(to, &request).await
    }

    async fn compartments(&self) -> anyhow::Result<Vec<OpenCompartment>> {
        let sealed: SealedEnvelope =
            self.ask(&self.source.id, PatientAsk::Directory, (None, Vec::new())).await?;
        Ok(self.pair.open_keys(&self.session.members.network(), &self.source, &sealed)?)
    }

    async fn next_act(&self) -> anyhow::Result<u32> {
        let at = key::appointment(&self.mandate.mandate.appointment);
        let entry: Option<AppointmentEntry> = self.session.relay.state(at).await?;
        Ok(entry.context("the network does not know this appointment")?.acts)
    }

    async fn submit(&self, action: ProxyAct) -> anyhow::Result<u64> {
        let until = self.session.relay.head().await?.height + LIFETIME_BLOCKS;
        let network = self.session.members.network();
        let transaction = Transaction::sign(network, &self.pair.signing, until, action);
        self.session.relay.submit(&transaction).await
    }

    /// Puts an act on the ledger; its number, and the height of its block.
    async fn submit_act(&self, act: Act) -> anyhow::Result<(u32, u64)> {
        let number = self.next_act().await?;
        let appointment = self.mandate.mandate.appointment;
        Ok((number, self.submit(ProxyAct { appointment, number, act }).await?))
    }

    async fn versions(&self) -> anyhow::Result<Vec<VersionId>> {
        let mut versions = BTreeSet::new();
        for keeper in self.session.keepers() {
            let list: anyhow::Result<VersionList> =
                self.ask(&keeper.id, PatientAsk::Versions, (None, Vec::new())).await;
            versions.extend(list.iter().flat_map(|list| list.versions.iter().map(|listed| listed.version)));
        }
        Ok(versions.into_iter().collect())
    }

    /// Everything that the mandate reaches, by pages.
    async fn gather(&self) -> anyhow::Result<Gathered> {
        let keys = keys_of(&self.compartments().await?);
        let mut pages = Vec::new();
        for page in self.versions().await?.chunks(VERSIONS_PER_READING) {
            let read = ProxyRead { versions_root: versions_root(page), count: u32::try_from(page.len())? };
            let (number, height) = self.submit_act(read.into()).await?;
            pages.push((self.collect(number, height, page).await?, page.to_vec()));
        }
        Ok(Gathered { keys, pages })
    }

    /// Every custodian is asked for all that the reading on the ledger is over.
    async fn collect(&self, number: u32, height: u64, page: &[VersionId]) -> anyhow::Result<Collected> {
        let mut collected = Collected::default();
        for keeper in self.session.keepers() {
            if page.iter().all(|version| collected.is_ready(version)) {
                break;
            }
            self.session.relay.reaches(keeper, height).await;
            let what = (Some(number), page.to_vec());
            let answer: anyhow::Result<Release> = self.ask(&keeper.id, PatientAsk::Release, what).await;
            let Ok(release) = answer else { continue };
            let network = self.session.members.network();
            collect_release(&mut collected, &self.pair.kem, &network, keeper, release)?;
        }
        Ok(collected)
    }

    async fn share(
        &self,
        grantee: &Organisation,
        patient: &str,
        order: &Order,
        compartments: &[OpenCompartment],
    ) -> anyhow::Result<GrantId> {
        let head = self.session.relay.head().await?;
        let begin = head.time_ms.min(now_ms()?);
        let expiry_ms = (begin + u64::from(order.days) * DAY_MS).min(self.mandate.mandate.expiry_ms);
        let ask = GrantAsk {
            network: self.session.members.network(),
            source: &self.source,
            grantee,
            counter: self.next_act().await?,
            purpose: order.purpose,
            not_before_ms: begin,
            expiry_ms,
            compartments,
            future: true,
            practitioner: None,
            patient,
        };
        let new = make_share(&self.pair, &self.mandate, &ask)?;
        let height = self.submit(new.action).await?;
        let relay = &self.session.relay;
        let delivered = async {
            relay.mail(&self.source.id, &new.notice).await?;
            relay.mail(&grantee.id, &new.letter).await
        };
        if let Err(error) = delivered.await {
            // Without its letters a grant gives nothing, and would look as if it did.
            self.submit_act(ProxyRevoke { grant: new.grant }.into()).await?;
            return Err(error.context("the grant could not be delivered, and is ended; try again later"));
        }
        relay.reaches(grantee, height).await;
        Ok(new.grant)
    }

    async fn end(&self) -> anyhow::Result<()> {
        let appointment = self.mandate.mandate.appointment;
        let until = self.session.relay.head().await?.height + LIFETIME_BLOCKS;
        let (network, action) = (self.session.members.network(), EndAppointment { appointment });
        let transaction = Transaction::sign(network, &self.pair.signing, until, action);
        self.session.relay.submit(&transaction).await.map(|_| ())
    }
}
