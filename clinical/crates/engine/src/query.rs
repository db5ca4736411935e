//! What of a search the handlers would misunderstand: full-text words reach the database's own query language, a count
//! that is no number would be passed over, and what follows a zero character is not searched for.

use axum::{extract::Query, http::Uri};

use crate::outcome::Refused;

/// Words of the full-text search's language.
const OPERATORS: [&str; 4] = ["AND", "OR", "NOT", "NEAR"];

/// The values of one parameter of a query.
pub(crate) fn values(query: &str, wanted: &str) -> Vec<String> {
    let pairs = pairs(query).unwrap_or_default();
    pairs.into_iter().filter(|(name, _)| name == wanted).map(|(_, value)| value).collect()
}

fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let uri = Uri::try_from(format!("/?{query}")).ok()?;
    Some(Query::try_from_uri(&uri).ok()?.0)
}

/// Checks a query, or the form of a `_search`.
pub(crate) fn check(query: &str) -> Result<(), Refused> {
    for (name, value) in &pairs(query).ok_or(Refused::NotOffered)? {
        if value.contains('\0') {
            return Err(Refused::Zero);
        }
        let bare = name.split(':').next().unwrap_or_default();
        let of_text = matches!(bare, "_text" | "_content") || name.ends_with(":text-advanced");
        if of_text && !are_words(value) {
            return Err(Refused::Words);
        }
        if bare == "_count" && (value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(Refused::Count);
        }
    }
    Ok(())
}

fn are_words(value: &str) -> bool {
    value.chars().all(|sign| sign.is_alphanumeric() || sign == ' ')
        && value.split(' ').all(|word| !OPERATORS.contains(&word))
        && value.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_passed_on() {
        for (query, fine) in [
            ("", true),
            ("_text=heart+failure&_count=7", true),
            ("_content=M%C3%BCller", true),
            ("name=%22%27*", true),
            ("_text=%22", false),
            ("_content=a*", false),
            ("_text=a+AND", false),
            ("_text=", false),
            ("code:text-advanced=(", false),
            ("_count=x", false),
            ("_count=-1", false),
            ("_count=", false),
            ("name=a%00b", false),
        ] {
            assert_eq!(check(query).is_ok(), fine, "{query}");
        }
    }
}
