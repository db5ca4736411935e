//! A change as people read it: who it is about, and what differs.

use salus_crypto::hash::sha256;
use salus_types::OrganisationId;
use salus_types::genesis::Parameters;
use salus_types::governance::Change;
use salus_types::organisation::{Class, Organisation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Hexadecimal digits by which people tell keys and certificates apart.
const FINGERPRINT_DIGITS: usize = 16;

/// The parameters of the network; see [`Parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    /// Longest life of a pending transaction, in blocks.
    pub transaction_lifetime_blocks_max: u64,
    /// Longest period of a grant, in milliseconds.
    pub grant_period_ms_max: u64,
    /// Most transactions in a block.
    pub block_transactions_max: u32,
    /// Blocks in an epoch.
    pub epoch_blocks: u32,
    /// How long a proposal is open for votes, in milliseconds.
    pub voting_period_ms: u64,
    /// Blocks that every node keeps.
    pub blocks_retained: u64,
    /// Which rules are in force.
    pub protocol: u32,
}

impl From<&Parameters> for Rules {
    fn from(parameters: &Parameters) -> Self {
        Self {
            transaction_lifetime_blocks_max: parameters.transaction_lifetime_blocks_max,
            grant_period_ms_max: parameters.grant_period_ms_max,
            block_transactions_max: parameters.block_transactions_max,
            epoch_blocks: parameters.epoch_blocks,
            voting_period_ms: parameters.voting_period_ms,
            blocks_retained: parameters.blocks_retained,
            protocol: parameters.protocol,
        }
    }
}

impl From<Rules> for Parameters {
    fn from(rules: Rules) -> Self {
        Self {
            transaction_lifetime_blocks_max: rules.transaction_lifetime_blocks_max,
            grant_period_ms_max: rules.grant_period_ms_max,
            block_transactions_max: rules.block_transactions_max,
            epoch_blocks: rules.epoch_blocks,
            voting_period_ms: rules.voting_period_ms,
            blocks_retained: rules.blocks_retained,
            protocol: rules.protocol,
        }
    }
}

/// An organisation that is to be admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applicant {
    /// Short name.
    pub id: OrganisationId,
    /// Name.
    pub name: String,
    /// Class.
    pub class: Class,
    /// Whether it would keep sealed packages and shares.
    pub custodian: bool,
    /// `host:port` of its node in the ledger's network.
    pub ledger_address: String,
    /// URL of its node for other nodes.
    pub peer_url: String,
    /// URL of its portal.
    pub portal_url: String,
    /// Beginning of its node key, to compare with what the organisation itself says.
    pub node_key: String,
}

/// A field that a change changes. Of the node key and the certificate's SHA-256 it has the beginning, of the X-Wing key that
/// of its SHA-256. `from` is null where it is not known any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// What stands or stood there.
    pub from: Value,
    /// What stands there once the change is carried out.
    pub to: Value,
}

/// A change of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ShownChange {
    /// A new member.
    Admit {
        /// The organisation.
        organisation: Applicant,
    },
    /// Other keys, addresses or name for a member.
    Update {
        /// The member.
        organisation: OrganisationId,
        /// What differs.
        differences: Vec<Difference>,
    },
    /// Another class for a member.
    SetClass {
        /// The member.
        organisation: OrganisationId,
        /// Its class.
        class: Class,
    },
    /// Other duties for a member.
    SetDuties {
        /// The member.
        organisation: OrganisationId,
        /// Whether it votes in consensus.
        validator: bool,
        /// Whether it keeps sealed packages and shares.
        custodian: bool,
    },
    /// The end of a membership.
    Remove {
        /// The member.
        organisation: OrganisationId,
    },
    /// Other parameters.
    SetParameters {
        /// All of them.
        parameters: Rules,
        /// Those that differ.
        differences: Vec<Difference>,
    },
}

/// What a change replaces, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    pub(super) organisation: Option<Organisation>,
    pub(super) parameters: Option<Parameters>,
}

/// Shows a change beside what it replaces.
pub(super) fn shown(change: &Change, before: &Before) -> ShownChange {
    match change {
        Change::Admit(admit) => ShownChange::Admit { organisation: applicant(&admit.organisation) },
        Change::Update(update) => {
            let from = before.organisation.as_ref().map(fields);
            let differences = differences(from.as_ref(), &fields(&update.organisation));
            ShownChange::Update { organisation: update.organisation.id.clone(), differences }
        }
        Change::SetClass(change) => {
            ShownChange::SetClass { organisation: change.organisation.clone(), class: change.class }
        }
        Change::SetDuties(change) => ShownChange::SetDuties {
            organisation: change.organisation.clone(),
            validator: change.validator,
            custodian: change.custodian,
        },
        Change::Remove(change) => ShownChange::Remove { organisation: change.organisation.clone() },
        Change::SetParameters(change) => {
            let parameters = Rules::from(&change.parameters);
            let from = before.parameters.as_ref().map(|before| json!(Rules::from(before)));
            let differences = differences(from.as_ref(), &json!(parameters));
            ShownChange::SetParameters { parameters, differences }
        }
    }
}

fn applicant(organisation: &Organisation) -> Applicant {
    Applicant {
        id: organisation.id.clone(),
        name: organisation.name.as_str().to_owned(),
        class: organisation.class,
        custodian: organisation.custodian,
        ledger_address: organisation.ledger_address.as_str().to_owned(),
        peer_url: organisation.peer_url.as_str().to_owned(),
        portal_url: organisation.portal_url.as_str().to_owned(),
        node_key: beginning(organisation.node_key),
    }
}

/// The beginning of a key or digest: enough for people to compare.
fn beginning(long: impl std::fmt::Display) -> String {
    long.to_string().chars().take(FINGERPRINT_DIGITS).collect()
}

/// The fields that an update may change.
fn fields(organisation: &Organisation) -> Value {
    json!({
        "name": organisation.name,
        "nodeKey": beginning(organisation.node_key),
        "kemKey": beginning(sha256(&organisation.kem_key[..])),
        "tlsCertificate": beginning(organisation.tls_certificate),
        "ledgerAddress": organisation.ledger_address,
        "peerUrl": organisation.peer_url,
        "portalUrl": organisation.portal_url,
    })
}

/// The fields that differ; all of them where it is not known what was there.
fn differences(from: Option<&Value>, to: &Value) -> Vec<Difference> {
    let fields = to.as_object().into_iter().flatten();
    let difference = |(field, to): (&String, &Value)| {
        let from = from.map_or(Value::Null, |from| from[field].clone());
        (from != *to).then(|| Difference { field: field.clone(), from, to: to.clone() })
    };
    fields.filter_map(difference).collect()
}
