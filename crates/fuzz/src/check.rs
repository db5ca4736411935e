//! What must hold, whatever the bytes are.

use crate::Target;
use commonware_codec::{Copying, Decode, DecodeExt as _, Encode, Read};
use peak_alloc::PeakAlloc;
use std::fmt::Display;
use std::str::FromStr;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory that an input may use, whatever its length, in bytes.
pub const MEMORY_BASE: usize = 1024 * 1024;
/// Memory that every byte of an input may use besides. A list makes room for its items before it reads them, but never
/// for more items than there are bytes; the largest item has some hundred bytes.
pub const MEMORY_PER_BYTE: usize = 1_024;

/// Tries one input of a target.
///
/// # Panics
/// If something does not hold.
pub fn run(target: &Target, input: &[u8]) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    (target.run)(input);
    let used = MEMORY.peak_usage().saturating_sub(before);
    let most = MEMORY_BASE + MEMORY_PER_BYTE * input.len();
    assert!(
        used <= most,
        "{}: {} bytes took {used} bytes of memory, more than {most}",
        target.name,
        input.len()
    );
}

/// What decodes encodes to the same bytes.
///
/// # Panics
/// If it does not.
pub fn canonical<T: Read<Cfg = ()> + Encode>(bytes: &[u8]) {
    let _ = decoded::<T>(bytes);
}

/// As [`canonical`]; gives the value.
///
/// # Panics
/// If it encodes to other bytes.
pub fn decoded<T: Read<Cfg = ()> + Encode>(bytes: &[u8]) -> Option<T> {
    let value = T::decode(Copying(bytes)).ok()?;
    same(std::any::type_name::<T>(), bytes, &value.encode());
    Some(value)
}

/// As [`canonical`], for types that need a configuration.
///
/// # Panics
/// If it encodes to other bytes.
pub fn canonical_with<T: Read + Encode>(bytes: &[u8], cfg: &T::Cfg) {
    if let Ok(value) = T::decode_cfg(Copying(bytes), cfg) {
        same(std::any::type_name::<T>(), bytes, &value.encode());
    }
}

/// What is read from a text is written as the same text.
///
/// # Panics
/// If it is not.
pub fn text<T: FromStr + Display>(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(value) = text.parse::<T>() {
        same(std::any::type_name::<T>(), bytes, value.to_string().as_bytes());
    }
}

/// Compares what was read with what would be written.
///
/// # Panics
/// If they differ.
pub fn same(what: &str, read: &[u8], written: &[u8]) {
    assert!(read == written, "{what}: {} was taken for {}", hex::encode(read), hex::encode(written));
}
