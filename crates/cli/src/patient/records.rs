//! Reading the own records: directory, keys, shares of two custodians, and the proof of every version.

use super::Session;
use super::anchors::{Anchors, roots};
use crate::clock::now_ms;
use crate::output::Output;
use anyhow::{Context as _, bail};
use salus_types::category::Category;
use salus_types::organisation::Organisation;
use salus_types::proof::{BatchId, RecordProof};
use salus_types::vault::{
    Content, Directory, ListedVersion, PatientAsk, Release, VERSIONS_PER_REQUEST_MAX, VersionList,
};
use salus_types::{OrganisationId, VersionId};
use salus_vault::combine::{Collected, OpenedVersion};
use salus_vault::patient::{Directories, Pairwise, collect_release, keys_of, open_directories};
use salus_vault::sharing::SHARES_NEEDED;
use salus_verifier::verify_anchored_record;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// One version of one record, opened and with its proof.
pub(super) struct Record {
    pub(super) source: OrganisationId,
    pub(super) category: Category,
    pub(super) content: Content,
    pub(super) text: String,
    pub(super) proof: RecordProof,
    /// Whether the proof holds, for this text and source.
    verified: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    source: String,
    record: String,
    category: Category,
    date: String,
    title: String,
    verified: bool,
}

impl Session {
    /// The organisations at which this person is enrolled.
    pub(super) fn sources(&self) -> anyhow::Result<Vec<Organisation>> {
        let find = |id: &String| {
            let organisation = self.members.organisation(&id.parse()?);
            organisation.cloned().with_context(|| format!("the network has no organisation `{id}`"))
        };
        self.file.at.keys().map(find).collect()
    }

    /// The person's compartments at a source, as it and the custodians tell.
    pub(super) async fn directories(
        &self,
        source: &Organisation,
        own: &Pairwise,
    ) -> anyhow::Result<Directories> {
        let mut answers = Vec::new();
        for to in self.holders(source) {
            let request =
                own.sign_request(self.members.network(), &to, PatientAsk::Directory, now_ms()?, Vec::new())?;
            if let Ok(directory) = self.relay.ask::<Directory>(&to, &request).await {
                answers.push(directory);
            }
        }
        if answers.is_empty() {
            bail!("neither {} nor a custodian answers; try again later", source.name.as_str());
        }
        Ok(open_directories(own, &self.members.network(), source, &answers))
    }

    /// The newest epoch of a category at a source, if it has any.
    pub(crate) async fn newest_epoch(&self, source: &str, category: Category) -> anyhow::Result<Option<u32>> {
        let source = source.parse()?;
        let source =
            self.sources()?.into_iter().find(|one| one.id == source).context("not enrolled there")?;
        let known = self.directories(&source, &self.root.at(&source.id)).await?.compartments;
        Ok(known.iter().filter(|one| one.category == category).map(|one| one.epoch).max())
    }

    /// The source, and every custodian.
    fn holders(&self, source: &Organisation) -> Vec<OrganisationId> {
        let custodians = self.members.custodians().map(|custodian| custodian.id.clone());
        std::iter::once(source.id.clone()).chain(custodians.filter(|id| *id != source.id)).collect()
    }

    /// Custodians first, then those that may have been: while custody moves, they still hold what others lack.
    pub(super) fn keepers(&self) -> impl Iterator<Item = &Organisation> {
        let former = |one: &&Organisation| !one.custodian && one.class.may_be_custodian();
        self.members.custodians().chain(self.members.organisations.iter().filter(former))
    }

    /// What all custodians list together: one alone may be behind, or keep other compartments. If a version is listed by
    /// too few of them, those that may have been custodians are asked too.
    async fn versions(&self, source: &Organisation, own: &Pairwise) -> anyhow::Result<Vec<VersionId>> {
        let (mut versions, mut answers) = (Vec::new(), 0);
        let mut listed_by: HashMap<VersionId, u8> = HashMap::new();
        for keeper in self.keepers() {
            let enough = !versions.is_empty() && listed_by.values().all(|count| *count >= SHARES_NEEDED);
            if enough && !keeper.custodian {
                break;
            }
            let (network, to) = (self.members.network(), &keeper.id);
            let request = own.sign_request(network, to, PatientAsk::Versions, now_ms()?, Vec::new())?;
            let Ok(list) = self.relay.ask::<VersionList>(to, &request).await else { continue };
            answers += 1;
            for ListedVersion { version, .. } in list.versions.iter() {
                let count = listed_by.entry(*version).or_default();
                if *count == 0 {
                    versions.push(*version);
                }
                *count = count.saturating_add(1);
            }
        }
        if answers == 0 {
            bail!("nobody lists the records of {}; try again later", source.name.as_str());
        }
        Ok(versions)
    }

    /// Everything that this person's keys open, of all sources.
    pub(super) async fn records(&mut self) -> anyhow::Result<Vec<Record>> {
        let (mut records, mut anchors) = (Vec::new(), Anchors::new());
        for source in self.sources()? {
            let own = self.root.at(&source.id);
            let directories = self.directories(&source, &own).await?;
            let keys = keys_of(&directories.compartments);
            let versions = self.versions(&source, &own).await?;
            let mut found = Vec::new();
            for page in versions.chunks(VERSIONS_PER_REQUEST_MAX / 4) {
                let collected = self.collect(&own, page).await?;
                self.fetch_anchors(&collected, &mut anchors).await?;
                let roots = roots(&anchors);
                for version in page {
                    let Some(opened) = collected.open(version, &keys, &roots, &mut Vec::new()) else {
                        continue;
                    };
                    let order = (opened.released.sequence, opened.released.path.index);
                    found.extend(record(opened, &anchors)?.map(|record| (order, record)));
                }
            }
            // Lists of several custodians are put together: the order of sealing is that of the leaves.
            found.sort_by_key(|(order, _)| *order);
            records.extend(found.into_iter().map(|(_, record)| record));
        }
        Ok(records)
    }

    /// Asks custodians, then former ones, until every version has a package and two shares of one generation.
    async fn collect(&self, own: &Pairwise, versions: &[VersionId]) -> anyhow::Result<Collected> {
        let mut collected = Collected::default();
        for custodian in self.keepers() {
            let open: Vec<_> =
                versions.iter().filter(|version| !collected.is_ready(version)).copied().collect();
            if open.is_empty() {
                break;
            }
            // One custodian may keep some of the versions only, or stop at its limit: the next gives the other packages.
            let packages = open.iter().any(|version| !collected.has_package(version));
            let ask = if packages { PatientAsk::Release } else { PatientAsk::Shares };
            let request = own.sign_request(self.members.network(), &custodian.id, ask, now_ms()?, open)?;
            let Ok(release) = self.relay.ask::<Release>(&custodian.id, &request).await else { continue };
            collect_release(&mut collected, &own.kem, &self.members.network(), custodian, release)?;
        }
        Ok(collected)
    }
}

pub(super) fn record(version: OpenedVersion, anchors: &Anchors) -> anyhow::Result<Option<Record>> {
    let OpenedVersion { category, released, opened } = version;
    let batch = BatchId { organisation: released.source.clone(), sequence: released.sequence };
    let Some(anchor) = anchors.get(&batch) else { return Ok(None) };
    let header = released.package.header;
    let content = header.content;
    let text = String::from_utf8(opened.bytes.to_vec()).context("a record is not text")?;
    let proof = RecordProof {
        package: header,
        ciphertext_digest: opened.ciphertext_digest,
        plaintext_digest: opened.plaintext_digest,
        r: *opened.r,
        batch_path: released.path,
        anchor: anchor.proof.clone(),
        block: anchor.block.clone(),
    };
    let holds = |anchor| verify_anchored_record(anchor, &proof, Some(&text)).is_ok();
    let verified = anchor.verified.as_ref().is_some_and(holds);
    Ok(Some(Record { source: released.source, category, content, text, proof, verified }))
}

impl Record {
    /// `Type/ID`.
    pub(super) fn name(&self) -> String {
        let value: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let part = |name: &str| value[name].as_str().unwrap_or("?").to_owned();
        format!("{}/{}", part("resourceType"), part("id"))
    }
}

/// The newest version of each record, deleted ones left out.
pub(super) fn newest(records: Vec<Record>) -> Vec<Record> {
    let mut newest: BTreeMap<(OrganisationId, String), Record> = BTreeMap::new();
    // Versions come in the order in which they were sealed, so the last one wins.
    for record in records {
        newest.insert((record.source.clone(), record.name()), record);
    }
    newest.into_values().filter(|record| record.content == Content::Fhir).collect()
}

pub(super) async fn print(session: &mut Session, output: Output) -> anyhow::Result<()> {
    show(newest(session.records().await?), output)
}

/// Lists records.
pub(super) fn show(records: Vec<Record>, output: Output) -> anyhow::Result<()> {
    let mut listed: Vec<Listed> = records.iter().map(list).collect();
    listed.sort_by(|left, right| right.date.cmp(&left.date));
    let verified = listed.iter().filter(|listed| listed.verified).count();
    let report = serde_json::json!({ "records": listed, "verified": verified });
    output.result(&report, || {
        let line = |listed: &Listed| {
            let mark = if listed.verified { "verified" } else { "NOT VERIFIED" };
            format!(
                "{:<10}  {:<13} {:<14} {:<44} {:<46} {mark}",
                listed.date,
                listed.source,
                listed.category.as_str(),
                listed.title,
                listed.record
            )
        };
        let lines: Vec<String> = listed.iter().map(line).collect();
        format!("{}\n{} records, {verified} verified", lines.join("\n"), listed.len())
    })
}

fn list(record: &Record) -> Listed {
    let value: Value = serde_json::from_str(&record.text).unwrap_or_default();
    Listed {
        source: record.source.to_string(),
        record: record.name(),
        category: record.category,
        date: date(&value),
        title: title(&value).chars().take(42).collect(),
        verified: record.verified,
    }
}

/// The day that a resource is about, where its type has one.
fn date(value: &Value) -> String {
    let candidates = [
        "/effectiveDateTime",
        "/effectivePeriod/start",
        "/authoredOn",
        "/occurrenceDateTime",
        "/performedDateTime",
        "/performedPeriod/start",
        "/period/start",
        "/onsetDateTime",
        "/recordedDate",
        "/date",
        "/issued",
        "/created",
        "/meta/lastUpdated",
    ];
    let found = candidates.iter().find_map(|pointer| value.pointer(pointer)?.as_str());
    found.unwrap_or_default().chars().take(10).collect()
}

/// A few words that say what a resource is.
fn title(value: &Value) -> String {
    let candidates = [
        "/code/text",
        "/code/coding/0/display",
        "/vaccineCode/text",
        "/vaccineCode/coding/0/display",
        "/medicationCodeableConcept/text",
        "/medicationCodeableConcept/coding/0/display",
        "/type/0/text",
        "/type/0/coding/0/display",
        "/type/text",
        "/type/coding/0/display",
        "/title",
        "/description",
        "/resourceType",
    ];
    candidates.iter().find_map(|pointer| value.pointer(pointer)?.as_str()).unwrap_or("record").to_owned()
}
