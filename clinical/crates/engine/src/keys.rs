//! The keys of the store come by standard input: neither arguments nor environment, which others may see, nor a file.

use std::io::BufRead;

use anyhow::{Context, bail};
use engine_core::at_rest::{KEY_LEN, Key, Keys};
use zeroize::Zeroizing;

/// The longest line: two keys, a space, the end.
const LINE_LEN_MAX: usize = 4 * KEY_LEN + 2;

/// Reads the first line: the store's key as 64 hexadecimal digits and, after a space, the key that it may have had before.
pub(crate) fn read(input: impl BufRead) -> anyhow::Result<Keys> {
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_LEN_MAX));
    input.take(LINE_LEN_MAX as u64).read_until(b'\n', &mut line).context("read the store's key")?;
    let text = std::str::from_utf8(&line).unwrap_or_default();
    let Some(text) = text.strip_suffix('\n') else {
        bail!("the first line of standard input has no key of the store")
    };
    let (current, former) = text.split_once(' ').map_or((text, None), |(one, two)| (one, Some(two)));
    let key = |text: &str| Key::from_hex(text).context("a key of the store is not 64 hexadecimal digits");
    Ok(Keys { current: key(current)?, former: former.map(key).transpose()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_key_or_two_and_nothing_else() {
        let (one, two) = ("0a".repeat(32), "b0".repeat(32));
        let read = |text: String| read(text.as_bytes());
        assert!(read(format!("{one}\n")).is_ok_and(|keys| keys.former.is_none()));
        assert!(read(format!("{one} {two}\nmore")).is_ok_and(|keys| keys.former.is_some()));
        for wrong in [
            String::new(),
            one.clone(),
            "\n".to_owned(),
            format!("{one} \n"),
            format!("{one}  {two}\n"),
            format!("{one} {two} \n"),
            format!("{}\n", &one[1..]),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
