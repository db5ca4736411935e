//! Which invariants hold for a reason that shows in the JSON.
//!
//! The answer is *yes* or *not known*, never *no*: whatever is not certain is evaluated. So a mistake here could let an
//! invariant pass that fails, and nothing else; `feed::tests` hold the answers against the evaluator. The invariants come
//! with the validator (`ele-1`, `ext-1`, `obs-6`, ...: <https://hl7.org/fhir/R4/conformance-rules.html#constraints>), and
//! what is looked at has passed the check of its structure: it has no element that its type has not.
//!
//! Besides five that are told by their text, there is one kind: elements that are there or not (`a.empty()`,
//! `a.b.where(..).exists()`) and numbers that are not negative (`a >= 0`), joined by *and*, *or*, *xor* and *implies*.

use serde_json::Value;

const ELEMENT: &str = "hasValue() or (children().count() > id.count())";
const PERIOD: &str = "start.hasValue().not() or end.hasValue().not() or (start <= end)";
const REFERENCE: &str = "reference.startsWith('#').not() or (reference.substring(1).trace('url') in %rootResource.contained.id.trace('ids'))";
const VITAL_TIME: &str = "($this as dateTime).toString().length() >= 8";
/// Length of a date without a time.
const DATE_BYTES: usize = 10;
const NARRATIVE: &str = "htmlChecks()";

/// The types that FHIR appends to the name of an element of several types
/// (<https://hl7.org/fhir/R4/formats.html#choice>), those that are common.
const CHOICES: [&str; 30] = [
    "Address",
    "Age",
    "Attachment",
    "Boolean",
    "Canonical",
    "Code",
    "CodeableConcept",
    "Coding",
    "ContactPoint",
    "Date",
    "DateTime",
    "Decimal",
    "Duration",
    "HumanName",
    "Id",
    "Identifier",
    "Instant",
    "Integer",
    "Markdown",
    "Money",
    "Period",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "SampledData",
    "String",
    "Time",
    "Uri",
    "Url",
];

/// Whether an invariant certainly holds for the element at `path` (`Patient.contact.0`).
pub(super) fn holds(resource: &Value, path: &str, invariant: &str) -> bool {
    let Some(node) = node(resource, path) else { return false };
    match invariant {
        ELEMENT => is_element(node),
        PERIOD => is_period(node),
        REFERENCE => is_reference(node),
        // The evaluator does not know it: a warning, whatever the text is.
        NARRATIVE => true,
        VITAL_TIME => node.as_str().is_some_and(|time| time.len() >= DATE_BYTES),
        _ => node.is_object() && truth(node, invariant) == Some(true),
    }
}

fn node<'a>(resource: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').skip(1).try_fold(resource, |node, step| match node {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => node.get(step),
    })
}

/// A value, or an object with more than an id.
fn is_element(node: &Value) -> bool {
    match node {
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| !matches!(name.as_str(), "id" | "resourceType") && is_there(value)),
        Value::Array(_) => false,
        value => is_there(value),
    }
}

/// A period without one of its ends, or with both in the same form and zone, so that their texts compare as times do.
fn is_period(node: &Value) -> bool {
    let Some(fields) = node.as_object() else { return false };
    if fields.keys().any(|name| name.starts_with('_')) {
        return false;
    }
    match (fields.get("start"), fields.get("end")) {
        (Some(Value::String(start)), Some(Value::String(end))) => {
            start.len() == end.len()
                && (start.len() <= DATE_BYTES || zone(start) == zone(end))
                && start <= end
        }
        (Some(Value::String(_)), None) | (None, _) => true,
        _ => false,
    }
}

/// `Z`, or the last six letters, which are `+hh:mm` where there is a zone.
fn zone(time: &str) -> Option<&str> {
    if time.ends_with('Z') { Some("Z") } else { time.get(time.len().checked_sub(6)?..) }
}

/// A reference that leads out of the resource, or nowhere.
fn is_reference(node: &Value) -> bool {
    match node.get("reference") {
        Some(Value::String(reference)) => !reference.starts_with('#'),
        Some(_) => false,
        None => node.is_object() && node.get("_reference").is_none(),
    }
}

fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => items.iter().any(is_there),
        Value::Object(fields) => !fields.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// What an expression comes to. `None`: not known.
fn truth(node: &Value, expression: &str) -> Option<bool> {
    let expression = unwrapped(expression.trim());
    // Loosest first (<https://hl7.org/fhirpath/#operator-precedence>).
    if let Some((left, right)) = split(expression, " implies ") {
        return either(truth(node, left).map(|truth| !truth), truth(node, right));
    }
    // These two bind alike, from the left.
    match (split(expression, " or "), split(expression, " xor ")) {
        (Some(_), Some(_)) => return None,
        (Some((left, right)), None) => return either(truth(node, left), truth(node, right)),
        (None, Some((left, right))) => return Some(truth(node, left)? != truth(node, right)?),
        (None, None) => {}
    }
    if let Some((left, right)) = split(expression, " and ") {
        let not = |truth: Option<bool>| truth.map(|truth| !truth);
        return not(either(not(truth(node, left)), not(truth(node, right))));
    }
    if let Some((left, right)) = split(expression, " != ") {
        return Some(presence(node, left)? != presence(node, right)?);
    }
    if let Some(name) = expression.strip_suffix(" >= 0") {
        return node.get(name)?.as_f64().map(|number| number >= 0.0);
    }
    presence(node, expression)
}

fn either(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// `a.empty()`, `a.exists()`, or the same after more steps, which lead from nothing to nothing.
fn presence(node: &Value, leaf: &str) -> Option<bool> {
    if let Some(denied) = leaf.strip_suffix(".not()") {
        return presence(node, denied).map(|truth| !truth);
    }
    let (steps, asked) = match leaf.strip_suffix(".empty()") {
        Some(steps) => (steps, false),
        None => (leaf.strip_suffix(".exists()")?, true),
    };
    let end = steps.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(steps.len());
    let (name, more) = steps.split_at(end);
    if name.is_empty() || !is_chain(more) {
        return None;
    }
    match exists(node, name)? {
        true if more.is_empty() => Some(asked),
        true => None,
        false => Some(!asked),
    }
}

/// Steps and calls, and no operator but within the parentheses of a call.
fn is_chain(steps: &str) -> bool {
    let mut scan = Scan::default();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '(' | ')');
    steps.is_empty()
        || steps.starts_with('.')
            && steps.chars().all(|letter| scan.step(letter) || plain(letter))
            && scan.is_done()
}

/// Whether there is an element of that name, by its own or with a type behind it.
fn exists(node: &Value, name: &str) -> Option<bool> {
    let fields = node.as_object()?;
    if fields.get(name).is_some_and(is_there) {
        return Some(true);
    }
    let mut unsure = false;
    for (field, value) in fields {
        let Some(rest) = field.trim_start_matches('_').strip_prefix(name) else { continue };
        if CHOICES.contains(&rest) && is_there(value) && !field.starts_with('_') {
            return Some(true);
        }
        unsure |= rest.is_empty() || rest.starts_with(|letter: char| letter.is_ascii_uppercase());
    }
    if unsure { None } else { Some(false) }
}

/// Without the parentheses around all of it.
fn unwrapped(expression: &str) -> &str {
    let Some(inner) = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return expression;
    };
    let mut scan = Scan::default();
    let whole = inner.chars().all(|letter| {
        scan.step(letter);
        scan.depth >= 0
    });
    if whole && scan.is_done() { unwrapped(inner.trim()) } else { expression }
}

/// What is before and after the last operator that stands outside parentheses and quotes.
fn split<'a>(expression: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    let mut scan = Scan::default();
    let mut found = None;
    for (at, letter) in expression.char_indices() {
        if !scan.step(letter) && expression[at..].starts_with(operator) {
            found = Some(at);
        }
    }
    found.map(|at| (&expression[..at], &expression[at + operator.len()..]))
}

/// How deep in parentheses a scan is, and whether in quotes.
#[derive(Default)]
struct Scan {
    depth: i32,
    quoted: bool,
    escaped: bool,
}

impl Scan {
    /// Takes a letter; whether it stands within parentheses or quotes.
    fn step(&mut self, letter: char) -> bool {
        if self.quoted {
            self.quoted = self.escaped || letter != '\'';
            self.escaped = letter == '\\' && !self.escaped;
            return true;
        }
        match letter {
            '\'' => self.quoted = true,
            '(' => self.depth += 1,
            ')' => self.depth -= 1,
            _ => return self.depth > 0,
        }
        true
    }

    fn is_done(&self) -> bool {
        self.depth == 0 && !self.quoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_shows_is_known_and_the_rest_is_not() {
        let node = json!({"a": "x", "bString": "y", "_c": {"id": "1"}, "dSet": 1, "e": [], "f": {"g": 1}, "n": 0, "m": -0.5});
        for (expression, expected) in [
            ("a.exists()", Some(true)),
            ("a.empty()", Some(false)),
            ("b.exists()", Some(true)),
            ("c.exists()", None),
            ("d.empty()", None),
            ("e.exists()", None),
            ("z.exists()", Some(false)),
            ("z.where(a = ') or (').y.empty()", Some(true)),
            ("f.where(g = 1).exists()", None),
            ("f.g.exists()", None),
            ("z.empty() or c.exists()", Some(true)),
            ("c.exists() or z.empty()", Some(true)),
            ("z.exists() or c.exists()", None),
            ("z.exists() and c.exists()", Some(false)),
            ("(a.exists() and (b.exists()))", Some(true)),
            ("(a.exists()) and (b.empty())", Some(false)),
            ("a.exists() != z.exists()", Some(true)),
            ("a.exists() xor b.exists()", Some(false)),
            ("a.exists() xor b.exists() or a.exists()", None),
            ("z.exists() implies c.exists()", Some(true)),
            ("a.exists() implies z.exists()", Some(false)),
            ("z.exists() or z.exists() and a.exists()", Some(false)),
            ("z.exists().not()", Some(true)),
            ("a.exists().not()", Some(false)),
            ("c.exists().not()", None),
            ("n >= 0", Some(true)),
            ("m >= 0", Some(false)),
            ("a >= 0", None),
            ("z >= 0", None),
            ("z.exists() implies z >= 0", Some(true)),
            ("n.exists() implies n >= 0", Some(true)),
            ("a = 'x' or z.exists()", None),
            ("a | z.exists()", None),
            ("%resource.z.exists()", None),
            ("z + y.exists()", None),
            ("exists()", None),
            ("", None),
            ("((", None),
            ("a.exists())", None),
            ("'", None),
        ] {
            assert_eq!(truth(&node, expression), expected, "{expression}");
        }
    }

    #[test]
    fn an_element_holds_something() {
        for (node, expected) in [
            (json!("x"), true),
            (json!(false), true),
            (json!({"id": "x", "a": 1}), true),
            (json!({"id": "x"}), false),
            (json!({"a": null}), false),
            (json!(null), false),
        ] {
            assert_eq!(holds(&json!({"a": node}), "X.a", ELEMENT), expected, "{node}");
        }
        assert!(!holds(&json!({}), "X.a.3.b", ELEMENT));
    }

    #[test]
    fn a_period_is_compared_where_its_texts_compare() {
        for (start, end, expected) in [
            ("2025-01-01", "2025-01-02", true),
            ("2025-01-02", "2025-01-01", false),
            ("2025-01-01T10:00:00Z", "2025-01-01T10:00:01Z", true),
            ("2025-01-01T10:00:00+01:00", "2025-01-01T10:00:00+01:00", true),
            ("2025-01-01T10:00:00+01:00", "2025-01-01T10:00:00-01:00", false),
            ("2025-01-01", "2025-01-01T10:00:01Z", false),
            ("2025", "2025", true),
        ] {
            let node = json!({"p": {"start": start, "end": end}});
            assert_eq!(holds(&node, "X.p", PERIOD), expected, "{start} {end}");
        }
        assert!(holds(&json!({"start": "2025"}), "X", PERIOD));
        assert!(!holds(&json!({"start": "2025", "end": "2026", "_end": {"id": "e"}}), "X", PERIOD));
    }

    #[test]
    fn a_reference_that_leads_out_is_fine() {
        for (node, expected) in [
            (json!({"reference": "Patient/1"}), true),
            (json!({"reference": "#p"}), false),
            (json!({"display": "x"}), true),
            (json!({"reference": 1}), false),
            (json!({"_reference": {"id": "x"}}), false),
        ] {
            assert_eq!(holds(&node, "X", REFERENCE), expected, "{node}");
        }
    }
}
