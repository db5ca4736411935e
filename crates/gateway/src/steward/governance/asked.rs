//! A change as a steward asks for it.

use super::shown::Rules;
use crate::error::{Code, Error};
use salus_types::governance::{Admit, Change, Remove, SetClass, SetDuties, SetParameters, Update};
use salus_types::organisation::Class;
use salus_types::{NetworkId, OrganisationId};
use salus_verifier::{Application, ApplicationFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A change to propose. An `application` is a [`ApplicationFile`] as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum AskedChange {
    /// A new member.
    Admit {
        /// Its application.
        application: Value,
    },
    /// Other keys, addresses or name for this organisation.
    Update {
        /// Its application.
        application: Value,
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
    },
}

impl AskedChange {
    /// The change as the ledger takes it.
    ///
    /// # Errors
    /// [`Code::Invalid`] for an application that is none, says something else than it encodes, or is not signed by the
    /// organisation for this network.
    pub fn change(&self, network: &NetworkId) -> Result<Change, Error> {
        let application = |file: &Value| application(file, network);
        Ok(match self.clone() {
            Self::Admit { application: file } => {
                let Application { organisation, acceptance } = application(&file)?;
                Admit { organisation, acceptance }.into()
            }
            Self::Update { application: file } => {
                let Application { organisation, acceptance } = application(&file)?;
                Update { organisation, acceptance }.into()
            }
            Self::SetClass { organisation, class } => SetClass { organisation, class }.into(),
            Self::SetDuties { organisation, validator, custodian } => {
                SetDuties { organisation, validator, custodian }.into()
            }
            Self::Remove { organisation } => Remove { organisation }.into(),
            Self::SetParameters { parameters } => SetParameters { parameters: parameters.into() }.into(),
        })
    }
}

fn application(file: &Value, network: &NetworkId) -> Result<Application, Error> {
    let refuse =
        |error: &dyn std::fmt::Display| Error::new(Code::Invalid, format!("the application: {error}"));
    let file = ApplicationFile::deserialize(file).map_err(|_| refuse(&"it is none"))?;
    file.check(network).map_err(|error| refuse(&error))
}
