//! The same stream for what does not fit into memory: chunk by chunk, from a reader or to a writer.

use super::super::{Cipher, OpenError, TAG_LEN, cipher};
use super::{CHUNK_LEN, nonce};
use crate::secret::Secret32;
use std::io::{self, Read, Write};
use zeroize::{Zeroize as _, Zeroizing};

/// Which chunk comes next.
struct Counter(Option<u32>);

impl Counter {
    fn next(&mut self) -> io::Result<u32> {
        let number = self.0.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "too many chunks"))?;
        self.0 = number.checked_add(1);
        Ok(number)
    }
}

/// Seals what is written to it; [`super::seal_stream`] gives the same bytes. Nothing opens unless
/// [`StreamWriter::finish`] has written the last chunk.
pub struct StreamWriter<W> {
    to: W,
    cipher: Cipher,
    aad: Vec<u8>,
    next: Counter,
    /// Plaintext that waits: whether it is the last chunk shows only when more comes.
    waiting: Zeroizing<Vec<u8>>,
}

impl<W: Write> StreamWriter<W> {
    /// Seals to `to` under a key that is never used again.
    pub fn new(key: &Secret32, aad: &[u8], to: W) -> Self {
        let waiting = Zeroizing::new(Vec::with_capacity(CHUNK_LEN + TAG_LEN));
        Self { to, cipher: cipher(key), aad: aad.to_vec(), next: Counter(Some(0)), waiting }
    }

    fn put(&mut self, last: bool) -> io::Result<()> {
        let number = self.next.next()?;
        self.cipher.seal(&nonce(number, last), &self.aad, &mut self.waiting, 0);
        self.to.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }

    /// Writes the last chunk and gives the writer back.
    ///
    /// # Errors
    ///
    /// The writer's, or [`io::ErrorKind::FileTooLarge`] beyond 2^32 chunks.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(true)?;
        self.to.flush()?;
        Ok(self.to)
    }
}

impl<W: Write> Write for StreamWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() == CHUNK_LEN && !bytes.is_empty() {
            self.put(false)?;
        }
        let taken = bytes.len().min(CHUNK_LEN - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Opens what [`StreamWriter`] or [`super::seal_stream`] sealed. It gives plaintext only of chunks that opened; a stream
/// that is cut short, extended or changed ends in an error of kind [`io::ErrorKind::InvalidData`] with an
/// [`OpenError`], never in the end of the plaintext.
pub struct StreamReader<R> {
    from: R,
    cipher: Cipher,
    aad: Vec<u8>,
    next: Counter,
    /// What was read beyond the chunk.
    ahead: Vec<u8>,
    plaintext: Zeroizing<Vec<u8>>,
    at: usize,
    ended: bool,
}

impl<R: Read> StreamReader<R> {
    /// Opens what `from` gives.
    pub fn new(key: &Secret32, aad: &[u8], from: R) -> Self {
        Self {
            from,
            cipher: cipher(key),
            aad: aad.to_vec(),
            next: Counter(Some(0)),
            ahead: Vec::new(),
            plaintext: Zeroizing::default(),
            at: 0,
            ended: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.plaintext.zeroize();
        self.at = 0;
        let mut chunk = std::mem::take(&mut self.ahead);
        // One byte more tells whether this chunk is the last.
        let wanted = CHUNK_LEN + TAG_LEN + 1 - chunk.len();
        self.from.by_ref().take(wanted as u64).read_to_end(&mut chunk)?;
        let last = chunk.len() <= CHUNK_LEN + TAG_LEN;
        if !last {
            self.ahead = chunk.split_off(CHUNK_LEN + TAG_LEN);
        }
        let number = self.next.next()?;
        let mut opened = self.cipher.open(&nonce(number, last), &self.aad, &mut chunk, 0);
        if opened.is_ok() && chunk.is_empty() && number > 0 {
            opened = Err(OpenError::Length);
        }
        if let Err(error) = opened {
            // Whoever reads on after an error must not get what follows the gap.
            self.next = Counter(None);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        self.ended = last;
        self.plaintext = Zeroizing::new(chunk);
        Ok(())
    }
}

impl<R: Read> Read for StreamReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.plaintext.len() && !self.ended && !into.is_empty() {
            self.fill()?;
        }
        let given = into.len().min(self.plaintext.len() - self.at);
        into[..given].copy_from_slice(&self.plaintext[self.at..self.at + given]);
        self.at += given;
        Ok(given)
    }
}
