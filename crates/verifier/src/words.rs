//! What a verified entry says, in a sentence for people.

use crate::entry::{Found, Subject, VerifiedEntry};
use salus_types::state::{AccessEntry, GrantEntry, OrganisationEntry};
use std::fmt;

impl fmt::Display for VerifiedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (height, id) = (self.height, self.subject.id());
        match (&self.found, &self.subject) {
            (Found::Nothing, Subject::Grant(_)) => write!(f, "at block {height} there was no grant `{id}`"),
            (Found::Nothing, Subject::Access(_)) => {
                write!(f, "at block {height} there was no access event `{id}`")
            }
            (Found::Nothing, Subject::Member(_)) => {
                write!(f, "at block {height} no member had the node key `{id}`")
            }
            (Found::Nothing, Subject::Entry(_)) => {
                write!(f, "at block {height} nothing stood under the key `{id}`")
            }
            (Found::Grant(entry), _) => {
                write!(f, "at block {height} the grant `{id}`, given at block {}, ", entry.height)?;
                grant(f, entry, self.time_ms)
            }
            (Found::Access(entry), _) => access(f, entry),
            (Found::Member(entry), _) => {
                write!(f, "at block {height} ")?;
                member(f, entry)
            }
            (Found::Entry(value), _) => {
                write!(f, "at block {height} {} bytes stood under the key `{id}`", value.len())
            }
        }
    }
}

fn grant(f: &mut fmt::Formatter<'_>, entry: &GrantEntry, time_ms: u64) -> fmt::Result {
    match entry.revoked {
        Some(revoked) => write!(f, "was revoked, since block {revoked}")?,
        None if entry.is_live(time_ms) => f.write_str("stood")?,
        None => f.write_str("had run out")?,
    }
    write!(f, "; reads under it so far: {}", entry.accesses)
}

fn access(f: &mut fmt::Formatter<'_>, entry: &AccessEntry) -> fmt::Result {
    let AccessEntry { organisation, count, purpose, grant, height, .. } = entry;
    write!(f, "at block {height} `{organisation}` stated that it reads {count} versions for {purpose}, ")?;
    write!(f, "under the grant `{grant}`")
}

fn member(f: &mut fmt::Formatter<'_>, entry: &OrganisationEntry) -> fmt::Result {
    let organisation = &entry.organisation;
    let duties = match (organisation.validator, organisation.custodian) {
        (true, true) => "validator and custodian",
        (true, false) => "validator",
        (false, true) => "custodian",
        (false, false) => "without duties",
    };
    let (name, id, class) = (organisation.name.as_str(), &organisation.id, organisation.class);
    write!(f, "{name} (`{id}`, {class}) was a member since block {}: {duties}", entry.since)
}
