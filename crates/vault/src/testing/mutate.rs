//! One changed bit at every byte, for every sealed object.

/// What an opener did with the changes of some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Changes refused.
    pub(crate) refused: usize,
    /// Bytes of which a change was not noticed. The lengths stand for the bytes cut short (one less) and prolonged.
    pub(crate) accepted: Vec<usize>,
}

/// Changes one bit of every byte, cuts the last byte off and adds one; `opens` says whether the change went unnoticed.
///
/// # Panics
/// If the unchanged bytes do not open: then nothing would be tested.
pub(crate) async fn mutate_every_byte(bytes: &[u8], mut opens: impl AsyncFnMut(Vec<u8>) -> bool) -> Counts {
    let mut counts = Counts::default();
    for at in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1 << (at % 8);
        counts.count(at, opens(changed).await);
    }
    counts.count(bytes.len() - 1, opens(bytes[..bytes.len() - 1].to_vec()).await);
    counts.count(bytes.len(), opens([bytes, &[0]].concat()).await);
    assert!(opens(bytes.to_vec()).await, "the unchanged bytes open");
    counts
}

impl Counts {
    fn count(&mut self, at: usize, accepted: bool) {
        match accepted {
            true => self.accepted.push(at),
            false => self.refused += 1,
        }
    }

    /// All changes of an object of this length were refused.
    pub(crate) fn all_refused(length: usize) -> Self {
        Self { refused: length + 2, accepted: Vec::new() }
    }
}
