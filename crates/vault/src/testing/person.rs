//! A patient of Hospital A, and what it grants.

use super::*;

/// A patient of Hospital A.
pub(crate) struct Person {
    pub(crate) root: Root,
    pub(crate) compartments: Vec<OpenCompartment>,
}

impl World {
    pub(crate) async fn enrol(self: &Arc<Self>, patient: &str) -> Person {
        let root = Root::from_bytes(&[patient.len() as u8; 32]);
        let pairwise = root.at(&id("hospital-a"));
        let source = self.vault("hospital-a").expect("open").source.clone().expect("a source");
        let directory = source
            .enrol_patient(patient, pairwise.signing.public(), &pairwise.kem.public().0)
            .await
            .expect("enrolled");
        let found = patient::open_directories(&pairwise, &NETWORK, self.member("hospital-a"), &[directory]);
        assert_eq!(found.rejected, 0);
        Person { root, compartments: found.compartments }
    }

    pub(crate) fn make_grant(
        &self,
        person: &Person,
        counter: u32,
        change: impl Fn(&mut GrantWish),
    ) -> patient::NewGrant {
        let mut wish = GrantWish {
            grantee: "hospital-b",
            purpose: Purpose::Treatment,
            from: self.time_ms() - 1,
            to: self.time_ms() + 30 * DAY_MS,
            categories: vec![Category::Labs],
            future: true,
            practitioner: None,
        };
        change(&mut wish);
        let chosen: Vec<_> = person
            .compartments
            .iter()
            .filter(|opened| wish.categories.contains(&opened.category))
            .cloned()
            .collect();
        let ask = patient::GrantAsk {
            network: NETWORK,
            source: self.member("hospital-a"),
            grantee: self.member(wish.grantee),
            counter,
            purpose: wish.purpose,
            not_before_ms: wish.from,
            expiry_ms: wish.to,
            compartments: &chosen,
            future: wish.future,
            practitioner: wish.practitioner,
            patient: "pat-b",
        };
        patient::make_grant(&person.root, &ask).expect("a grant")
    }

    /// Grants, sends letter and notice.
    pub(crate) async fn grant(
        &self,
        person: &Person,
        counter: u32,
        change: impl Fn(&mut GrantWish),
    ) -> patient::NewGrant {
        let grant = self.make_grant(person, counter, change);
        self.apply(&grant.one_time.public(), &grant.action.clone().into()).expect("final");
        let to = self.vault(grant.terms.grantee.as_str()).expect("open");
        to.mailbox.receive(grant.letter.clone()).await.expect("taken");
        let source = self.vault("hospital-a").expect("open");
        source.mailbox.receive(grant.notice.clone()).await.expect("taken");
        grant
    }

    /// What hospital B shows a custodian to be given again what it has read.
    pub(crate) fn release_ask(
        person: &Person,
        grant: &patient::NewGrant,
        reading: &crate::reader::Reading,
    ) -> ReleaseForGrant {
        let versions = reading.records.iter().map(|record| record.version).collect();
        ReleaseForGrant {
            access: reading.access.expect("an event"),
            terms: grant.terms.clone(),
            terms_salt: person.root.terms_salt(&id("hospital-a"), 0),
            consent: Consent::sign(&grant.terms, &person.root.at(&id("hospital-a")).signing),
            versions: Bounded::new(versions).expect("few"),
            packages: true,
        }
    }

    pub(crate) fn revoke(&self, grant: &patient::NewGrant) {
        let revoke = salus_types::action::Revoke { grant: grant.grant };
        self.apply(&grant.one_time.public(), &revoke.into()).expect("final");
    }
}

pub(crate) struct GrantWish {
    pub(crate) grantee: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) categories: Vec<Category>,
    pub(crate) future: bool,
    pub(crate) practitioner: Option<Digest>,
}
