//! What organisations and patients exchange off the ledger: sealed packages, compartments, terms, letters,
//! requests and releases.

mod case;
mod compartment;
mod custody;
mod emergency;
mod erasure;
mod location;
#[cfg(test)]
pub(crate) mod location_samples;
mod moving;
mod package;
mod proxy;
#[cfg(test)]
pub(crate) mod proxy_samples;
mod recovery;
#[cfg(test)]
pub(crate) mod recovery_samples;
mod request;
mod terms;

pub use case::{CASE_TEXT_BYTES_MAX, CaseLetter};
pub use compartment::{
    CompartmentRecord, CompartmentStatement, LINK_KEY_LENGTH, PatientLink, WRAPPED_KEY_LENGTH, WrapContent,
};
pub use custody::{CustodyBatch, CustodyBatchBody, CustodyItem, ITEMS_PER_BATCH_MAX, OrganisationLink};
pub use emergency::{
    EMERGENCY_BYTES_MAX, EmergencyAccount, EmergencyAsk, EmergencyFind, EmergencyFound, EmergencyNotice,
    EmergencyPackage, EmergencyParcel, EmergencyRelease, EmergencyShare, EmergencyStatement,
};
pub use erasure::ErasureNotice;
pub use location::{
    LOCATION_ELEMENTS_MAX, LOCATION_TOKENS, LocationAnswer, LocationAsk, LocationBlinded, LocationEvaluated,
    LocationToken,
};
pub use moving::{
    DAMAGED_PER_ANSWER_MAX, DamagedBatch, Destroyed, GivenBack, SourceAsk, SourceRequest, SourceRequestBody,
};
pub use package::{
    Content, PackageHeader, RecordSecret, SEALED_BYTES_MAX, SUITE_1, SealedPackage, batch_size,
    package_digest, record_commitment, size_class,
};
pub use proxy::{
    GuardianAnswer, Mandate, ProxyKey, ProxyKeys, ProxyRequest, ProxyRequestBody, SignedMandate,
};
pub use recovery::{RecoveryAsk, RecoveryDeposit, RecoveryLetter, RecoveryShare, Rekey};
pub use request::{
    Directory, EnrolmentAnswer, EnrolmentRequest, ListedVersion, PatientAsk, PatientRequest,
    PatientRequestBody, Release, ReleaseAsk, ReleaseForGrant, ReleasedShare, ReleasedVersion,
    SHARES_PER_RELEASE_MAX, VERSIONS_PER_REQUEST_MAX, VersionList,
};
pub use terms::{CompartmentKey, Consent, EpochKeys, Letter, SealedEnvelope, SourceNotice, Terms};
