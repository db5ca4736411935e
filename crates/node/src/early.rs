//! Votes of the next epoch from those who are in it already.
//!
//! Nodes end an epoch within milliseconds of each other, and a vote is sent once. Without this, whoever is a moment later
//! than the leader misses its first proposal; if more than a third do, everybody waits for the leader's time to run out.

use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Message, Receiver};
use commonware_utils::channel::mpsc;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::num::NonZeroUsize;

/// Most votes of one validator that are kept. Who is later than these is not waited for, and catches up.
const PER_VALIDATOR_MAX: usize = 32;

/// Votes of epochs that this node does not run, with their epoch.
pub(crate) type Strangers = mpsc::Receiver<(u64, Message<PublicKey>)>;

/// Hears strangers, and keeps what will be needed.
pub(crate) struct Early {
    strangers: Strangers,
    /// The epoch of what is kept.
    epoch: u64,
    kept: VecDeque<Message<PublicKey>>,
    by_validator: BTreeMap<PublicKey, usize>,
}

impl Early {
    pub(crate) fn new(strangers: Strangers) -> Self {
        Self { strangers, epoch: 0, kept: VecDeque::new(), by_validator: BTreeMap::new() }
    }

    /// The next vote of an epoch after `running`: which, and who voted. `None` once there are no more. May be broken off
    /// at any time.
    pub(crate) async fn next(&mut self, running: u64) -> Option<(u64, PublicKey)> {
        loop {
            let (epoch, message) = self.strangers.recv().await?;
            let peer = message.0.clone();
            self.keep(running + 1, epoch, message);
            if epoch > running {
                return Some((epoch, peer));
            }
        }
    }

    /// What is kept of an epoch that begins here, in the order in which it came.
    pub(crate) fn of(&mut self, epoch: u64) -> VecDeque<Message<PublicKey>> {
        while let Ok((of, message)) = self.strangers.try_recv() {
            self.keep(epoch, of, message);
        }
        self.by_validator.clear();
        let kept = std::mem::take(&mut self.kept);
        if self.epoch == epoch { kept } else { VecDeque::new() }
    }

    fn keep(&mut self, wanted: u64, epoch: u64, message: Message<PublicKey>) {
        if epoch != wanted {
            return;
        }
        if self.epoch != wanted {
            (self.epoch, self.kept, self.by_validator) = (wanted, VecDeque::new(), BTreeMap::new());
        }
        let count = self.by_validator.entry(message.0.clone()).or_default();
        if *count < PER_VALIDATOR_MAX {
            *count += 1;
            self.kept.push_back(message);
        }
    }
}

/// A receiver that gives what was kept first.
pub(crate) struct EarlyFirst<R> {
    kept: VecDeque<Message<PublicKey>>,
    receiver: R,
}

impl<R> EarlyFirst<R> {
    pub(crate) fn new(kept: VecDeque<Message<PublicKey>>, receiver: R) -> Self {
        Self { kept, receiver }
    }
}

impl<R: fmt::Debug> fmt::Debug for EarlyFirst<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after {}", self.receiver, self.kept.len())
    }
}

impl<R: Receiver<PublicKey = PublicKey>> Receiver for EarlyFirst<R> {
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
        match self.kept.pop_front() {
            Some(message) => Ok(message),
            None => self.receiver.recv().await,
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        self.receiver.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::{Early, PER_VALIDATOR_MAX, PublicKey};
    use commonware_cryptography::Signer as _;
    use commonware_cryptography::ed25519::PrivateKey;
    use commonware_utils::channel::mpsc;

    fn validator(seed: u64) -> PublicKey {
        PrivateKey::from_seed(seed).public_key()
    }

    fn heard(votes: &[(u64, u64, u8)]) -> Early {
        let (sender, strangers) = mpsc::channel(1_024);
        for (epoch, from, text) in votes {
            sender.try_send((*epoch, (validator(*from), vec![*text].into()))).unwrap();
        }
        Early::new(strangers)
    }

    fn texts(early: &mut Early, epoch: u64) -> Vec<u8> {
        early.of(epoch).iter().map(|(_, message)| message.as_ref()[0]).collect()
    }

    #[tokio::test]
    async fn votes_of_the_next_epoch_are_kept_in_order_and_others_are_not() {
        let mut early = heard(&[(2, 1, b'a'), (3, 1, b'x'), (1, 1, b'y'), (2, 2, b'b'), (2, 1, b'c')]);
        assert_eq!(early.next(1).await, Some((2, validator(1))));
        assert_eq!(early.next(1).await, Some((3, validator(1))));
        assert_eq!(texts(&mut early, 2), b"abc", "what nobody has looked at yet, too");
        assert_eq!(texts(&mut early, 2), b"", "and once");
    }

    #[tokio::test]
    async fn what_was_kept_for_an_epoch_that_was_skipped_is_forgotten() {
        let mut early = heard(&[(2, 1, b'a'), (3, 1, b'b')]);
        assert_eq!(early.next(1).await, Some((2, validator(1))));
        assert_eq!(texts(&mut early, 3), b"b");
    }

    #[tokio::test]
    async fn no_validator_takes_more_than_its_share() {
        let mut votes = vec![(2, 1, b'a'); PER_VALIDATOR_MAX + 5];
        votes.push((2, 2, b'b'));
        let mut early = heard(&votes);
        assert_eq!(texts(&mut early, 2).len(), PER_VALIDATOR_MAX + 1);
    }
}
