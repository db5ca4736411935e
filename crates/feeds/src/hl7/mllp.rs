//! The Minimal Lower Layer Protocol: `VT message FS CR` (HL7's transport specification, MLLP release 1).
//!
//! [`Frames`] is fed what came and gives whole messages. It is pure: whoever reads the socket performs the effects.

const START: u8 = 0x0b;
const END: u8 = 0x1c;
const CARRIAGE_RETURN: u8 = 0x0d;

/// Why a connection cannot go on: what follows cannot be told apart any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Something else than line ends between two messages.
    #[error("something came that is no message")]
    Rubbish,
    /// A message begins while another has not ended.
    #[error("a message began before the one before it had ended")]
    NoEnd,
    /// The end of a message lacks its carriage return.
    #[error("the end of a message is not followed by a carriage return")]
    BadEnd,
    /// Longer than the limit.
    #[error("a message is larger than this node takes")]
    TooLarge,
}

/// Takes messages out of a stream.
#[derive(Debug)]
pub struct Frames {
    bytes_max: usize,
    message: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Within,
    AtEnd,
}

impl Frames {
    /// Messages of at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, message: Vec::new(), state: State::Between }
    }

    /// Takes bytes until a message is whole, and says how many it took; the rest is for the next call.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Vec<u8>>), FrameError> {
        for (at, byte) in bytes.iter().enumerate() {
            match (self.state, *byte) {
                (State::Between, START) => self.state = State::Within,
                (State::Between, CARRIAGE_RETURN | b'\n') => {}
                (State::Between, _) => return Err(FrameError::Rubbish),
                (State::Within, END) => self.state = State::AtEnd,
                (State::Within, START) => return Err(FrameError::NoEnd),
                (State::Within, _) if self.message.len() >= self.bytes_max => {
                    return Err(FrameError::TooLarge);
                }
                (State::Within, byte) => self.message.push(byte),
                (State::AtEnd, CARRIAGE_RETURN) => {
                    self.state = State::Between;
                    return Ok((at + 1, Some(std::mem::take(&mut self.message))));
                }
                (State::AtEnd, _) => return Err(FrameError::BadEnd),
            }
        }
        Ok((bytes.len(), None))
    }

    /// Whether a message has begun and not ended.
    pub fn is_within(&self) -> bool {
        self.state != State::Between
    }
}

/// A message as it is sent.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 3);
    out.push(START);
    out.extend_from_slice(message);
    out.extend_from_slice(&[END, CARRIAGE_RETURN]);
    out
}
