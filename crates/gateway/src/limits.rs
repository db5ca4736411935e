//! Every limit on what comes from outside, in one place, with its reason; `docs/protocol/limits.md` lists them.
//!
//! What one caller may do in a minute, and how long things may take, an operator may change ([`Limits`]). How large a
//! thing may be follows from the formats, and is a constant.

use std::time::Duration;

/// Largest head of a request in bytes, all header fields together: a cookie, a token of 8 KiB, and what proxies add.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header fields of a request; browsers send about thirty.
pub(crate) const HEADERS_MAX: usize = 100;
/// Largest path with query in bytes, as FHIR servers commonly take; a longer search goes as a form.
pub(crate) const URL_BYTES_MAX: usize = 8 * 1024;
/// Streams of one HTTP/2 connection at once; a browser opens some dozen.
pub(crate) const STREAMS_MAX: u32 = 128;

/// Largest body of a portal's route in JSON: a proposal with an application, whose keys are written in digits.
pub(crate) const PORTAL_JSON_BYTES_MAX: usize = 64 * 1024;
/// Largest form of a SMART route: an assertion is at most 16 KiB, and written with escapes.
pub(crate) const SMART_FORM_BYTES_MAX: usize = 64 * 1024;
/// Apps that one caller may register in a minute: each waits for a person.
pub(crate) const APP_REGISTRATIONS_PER_MINUTE: u32 = 10;
/// Largest Parameters resource of an export: 10,000 patients by reference.
pub(crate) const EXPORT_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Largest form of a FHIR `_search`.
pub(crate) const SEARCH_FORM_BYTES_MAX: usize = 64 * 1024;
/// Largest backup of a patient's settings.
pub(crate) const BACKUP_BYTES_MAX: usize = 256 * 1024;

/// Largest batch in custody: 4,096 versions with their packages.
pub(crate) const CUSTODY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Largest list of compartment records: 4,096 of about 300 bytes.
pub(crate) const COMPARTMENTS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest link.
pub(crate) const LINK_BYTES_MAX: usize = 4 * 1024;
/// Largest note about an anchor.
pub(crate) const ANCHORED_BYTES_MAX: usize = 1_024;
/// Largest request for the versions that a grant reaches.
pub(crate) const VERSIONS_BYTES_MAX: usize = 64 * 1024;
/// Largest request for a release: 4,096 versions by id.
pub(crate) const RELEASE_BYTES_MAX: usize = 256 * 1024;
/// Largest request of a source for its own: 4,096 versions by id.
pub(crate) const GIVE_BACK_BYTES_MAX: usize = 256 * 1024;
/// Largest request of a source to destroy, which names no versions.
pub(crate) const DESTROY_BYTES_MAX: usize = 1_024;
/// Largest emergency summary on its way to a holder.
pub(crate) const EMERGENCY_PARCEL_BYTES_MAX: usize = 640 * 1024;
/// Largest request or notice in an emergency: names, salts, a reason.
pub(crate) const EMERGENCY_ASK_BYTES_MAX: usize = 16 * 1024;
/// Largest list of elements to be evaluated: 256 of 32 bytes.
pub(crate) const LOCATION_EVALUATE_BYTES_MAX: usize = 16 * 1024;
/// Largest question where records are: eight tokens of 64 bytes.
pub(crate) const LOCATION_ASK_BYTES_MAX: usize = 4 * 1024;
/// Questions of one organisation to this one in a minute, ...
pub(crate) const LOCATION_ASKS_PER_MINUTE: u32 = 30;
/// ... and in a day: each answer tells that there is a record.
pub(crate) const LOCATION_ASKS_PER_DAY: u32 = 2_000;
/// Batches of 256 elements in a minute for one organisation's own index: 100,000 patients in some two hours, and no
/// dictionary of names and dates within years.
pub(crate) const LOCATION_BATCHES_PER_MINUTE: u32 = 10;
/// Patients for whom one practitioner may look elsewhere in a minute.
pub(crate) const LOCATION_PRACTITIONER_ASKS_PER_MINUTE: u32 = 6;
/// Largest question for the notice of an order to erase: its id.
pub(crate) const ERASURE_ASK_BYTES_MAX: usize = 64;
/// Largest request of a patient: 4,096 versions by id.
pub(crate) const PATIENT_BYTES_MAX: usize = 256 * 1024;
/// Largest sealed enrolment.
pub(crate) const ENROL_BYTES_MAX: usize = 16 * 1024;
/// Largest sealed letter about a patient's rights: 24 KiB of text.
pub(crate) const CASE_BYTES_MAX: usize = 32 * 1024;
/// Largest file of a link: encrypted, in the letters of base64url; some 20 MiB of compressed FHIR in clear.
pub(crate) const LINK_FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest request to open a link: a name and a PIN.
pub(crate) const LINK_OPEN_BYTES_MAX: usize = 4 * 1024;
/// Requests of one caller for links in a minute; guesses of PINs are counted for each link besides.
pub(crate) const LINK_OPENS_PER_MINUTE: u32 = 60;
/// Largest sealed letter about a recovery.
pub(crate) const RECOVERY_BYTES_MAX: usize = 8 * 1024;
/// Largest sealed letter or notice: 64 keys.
pub(crate) const MAILBOX_BYTES_MAX: usize = 64 * 1024;
/// Largest sealed list of epoch keys.
pub(crate) const KEYS_BYTES_MAX: usize = 64 * 1024;
/// Largest answer of another node: a release with its packages.
pub(crate) const ANSWER_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most compartment records in one call.
pub const COMPARTMENTS_PER_CALL_MAX: usize = 4_096;

/// Streams of events open at once.
pub(crate) const EVENT_STREAMS_MAX: usize = 512;
/// Streams of events of one caller; in a demo as many as for many callers.
pub(crate) const EVENT_STREAMS_PER_CALLER_MAX: usize = 64;

/// Questions about codes by one caller in a minute: a chart asks for every code without a display.
pub(crate) const TERMINOLOGY_PER_MINUTE: u32 = 600;
/// Largest Parameters resource of a question about codes, with a value set in it.
pub(crate) const TERMINOLOGY_BYTES_MAX: usize = 256 * 1024;
/// Longest query in bytes with the codes of the value sets that it names: links to further pages hold it, and a path.
pub(crate) const SEARCH_CODES_BYTES_MAX: usize = 6 * 1024;

/// Changes of subscriptions by one client in a minute.
pub(crate) const SUBSCRIPTION_CHANGES_PER_MINUTE: u32 = 60;
/// Largest message that is taken from a socket: a token of 64 digits and a few words.
pub(crate) const SOCKET_BYTES_MAX: usize = 1_024;
/// Tokens for sockets that wait to be used.
pub(crate) const SOCKET_TOKENS_MAX: usize = 4_096;

/// Limits that keep one caller from using up the node.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections of one listener at once; more are closed. Below what systems let a process open.
    pub connections_max: usize,
    /// Connections of one caller at once; more are closed. A hospital's staff may come from one address.
    pub connections_per_caller_max: usize,
    /// Requests under way at once; more are refused with 503.
    pub requests_max: usize,
    /// Requests of one caller under way at once; more are refused with 429, and others are served.
    pub requests_per_caller_max: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest wait for the head of an answer.
    pub answer_timeout: Duration,
    /// Longest wait for the head of an answer of the clinical engine.
    pub engine_timeout: Duration,
    /// Longest wait for the head of a request, and for the first one on a connection.
    pub header_timeout: Duration,
    /// Longest wait for a caller who takes nothing of an answer.
    pub write_timeout: Duration,
    /// Longest wait for a whole body, before what its bytes earn.
    pub body_timeout: Duration,
    /// A body gets a second more for every so many bytes.
    pub body_bytes_per_second_min: u32,
    /// Largest body on FHIR routes.
    pub fhir_bytes_max: usize,
    /// Largest body on other public routes, unless the route says otherwise.
    pub body_bytes_max: usize,
    /// Sign-ins, registrations and joining codes that one caller may begin in a minute.
    pub attempts_per_minute: u32,
    /// Recovery codes that one caller may try in a minute.
    pub recoveries_per_minute: u32,
    /// Requests of one caller to other organisations in a minute.
    pub relays_per_minute: u32,
    /// Assertions of one caller that are looked at in a minute.
    pub assertions_per_minute: u32,
    /// Transactions of one caller in a minute.
    pub transactions_per_minute: u32,
    /// In a demo all callers share one address: their limits are this many times as high.
    pub demo_callers: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            connections_per_caller_max: 512,
            requests_max: 512,
            requests_per_caller_max: 256,
            handshake_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(120),
            engine_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(15),
            body_bytes_per_second_min: 16 * 1024,
            fhir_bytes_max: 16 * 1024 * 1024,
            body_bytes_max: 2 * 1024 * 1024,
            attempts_per_minute: 60,
            recoveries_per_minute: 10,
            relays_per_minute: 600,
            assertions_per_minute: 600,
            transactions_per_minute: 120,
            demo_callers: 100,
        }
    }
}
