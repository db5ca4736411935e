//! Text from bytes. Nothing is guessed: bytes that do not fit the character set are refused.

use crate::Refusal;
use encoding_rs::Encoding;

/// Reads bytes in a character set of the WHATWG's registry (<https://encoding.spec.whatwg.org/>).
///
/// # Errors
/// [`Refusal::CharsetUnknown`], [`Refusal::Charset`].
pub(crate) fn text(bytes: &[u8], name: &str) -> Result<String, Refusal> {
    if name.eq_ignore_ascii_case("us-ascii") && !bytes.is_ascii() {
        return Err(Refusal::Charset);
    }
    let encoding = Encoding::for_label(name.as_bytes()).ok_or(Refusal::CharsetUnknown)?;
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(std::borrow::Cow::into_owned).ok_or(Refusal::Charset)
}

/// Whether a character set is known by a name.
pub fn is_charset(name: &str) -> bool {
    Encoding::for_label(name.as_bytes()).is_some()
}

/// The name in that registry of a value of HL7's table 0211.
pub(crate) fn of_table_0211(value: &str) -> Option<&'static str> {
    Some(match value.trim() {
        "ASCII" => "us-ascii",
        "UNICODE UTF-8" | "UTF-8" => "utf-8",
        "8859/1" => "iso-8859-1",
        "8859/2" => "iso-8859-2",
        "8859/3" => "iso-8859-3",
        "8859/4" => "iso-8859-4",
        "8859/5" => "iso-8859-5",
        "8859/6" => "iso-8859-6",
        "8859/7" => "iso-8859-7",
        "8859/8" => "iso-8859-8",
        "8859/9" => "windows-1254",
        "8859/15" => "iso-8859-15",
        "GB 18030-2000" => "gb18030",
        "BIG-5" => "big5",
        "KS X 1001" => "euc-kr",
        "ISO IR87" => "iso-2022-jp",
        _ => return None,
    })
}
