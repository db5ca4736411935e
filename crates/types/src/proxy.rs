//! Who acts for a patient: what may be done, and how long it lasts.

use crate::codec::{codec_struct, codec_sum};
use crate::ids::{AppointmentId, GrantId};
use salus_crypto::hash::{Digest, hash};

/// The longest appointment, by the ledger's time, in milliseconds: five years. Who is still needed then is appointed again.
pub const PROXY_PERIOD_MS_MAX: u64 = 5 * 366 * 24 * 3_600 * 1_000;

/// Appointments end at whole weeks since 1970-01-01 UTC, in milliseconds: so that the end says little of whom it is about,
/// in particular not on which day somebody comes of age.
pub const PROXY_GRAIN_MS: u64 = 7 * 24 * 3_600 * 1_000;

codec_struct! {
    /// Reads sealed versions; custodians release them upon it and not before.
    pub struct ProxyRead {
        /// RFC 9162 root over the version ids in the order in which they are requested.
        pub versions_root: Digest,
        /// Number of versions.
        pub count: u32,
    }
}

codec_struct! {
    /// Shares with an organisation: a grant as [`crate::action::Grant`], whose name is [`proxy_grant`].
    pub struct ProxyGrant {
        /// [`crate::vault::Terms::commitment`].
        pub terms: Digest,
        /// [`crate::action::scope_commitment`].
        pub scope: Digest,
        /// Block time from which the grant is dead; not after the appointment's.
        pub expiry_ms: u64,
    }
}

codec_struct! {
    /// Ends a grant that was made under the same appointment.
    pub struct ProxyRevoke {
        /// The grant to end.
        pub grant: GrantId,
    }
}

codec_sum! {
    /// What is done for a patient.
    pub enum Act {
        /// See [`ProxyRead`].
        ProxyRead = 1,
        /// See [`ProxyGrant`].
        ProxyGrant = 2,
        /// See [`ProxyRevoke`].
        ProxyRevoke = 3,
    }
}

codec_struct! {
    /// That a grant was made by somebody who acts for the patient.
    pub struct ByProxy {
        /// The appointment.
        pub appointment: AppointmentId,
        /// Commitment to the mandate, as it stood on the ledger.
        pub mandate: Digest,
    }
}

/// The grant that an act makes: nobody else can make one of that name.
pub fn proxy_grant(appointment: &AppointmentId, number: u32) -> GrantId {
    GrantId(hash("salus/proxy-grant/v1", &[appointment.as_bytes(), &number.to_be_bytes()]))
}
