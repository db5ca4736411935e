//! The parameters of the operations, from the query or a Parameters resource.

use super::invalid;
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use crate::terminology::{Compose, is_code, is_url};
use serde_json::Value;

/// Parameters that are taken and have no effect: what they ask for is so already, or is a wish.
const IDLE: [&str; 14] = [
    "_format",
    "_pretty",
    "displayLanguage",
    "property",
    "date",
    "activeOnly",
    "includeDesignations",
    "includeDefinition",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "lenient-display-validation",
    "inferSystem",
    "cache-id",
];
/// Codings of a concept that are looked at.
const CODINGS_MAX: usize = 16;

/// A code that is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coded {
    pub(super) system: Option<String>,
    pub(super) code: String,
    pub(super) display: Option<String>,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The value set; of `CodeSystem/$validate-code`, the code system.
    pub(super) url: Option<String>,
    /// A value set that the caller brought.
    pub(super) compose: Option<Compose>,
    system: Option<String>,
    version: Option<String>,
    code: Option<String>,
    display: Option<String>,
    codings: Vec<Coded>,
    /// Whether headings count.
    pub(super) headings: bool,
    /// What a listed code or its display holds.
    pub(super) filter: String,
    pub(super) offset: usize,
    pub(super) count: Option<usize>,
}

impl Asked {
    /// From a query.
    ///
    /// # Errors
    /// [`Code::Invalid`].
    pub(super) fn of_query(query: &str) -> Result<Self> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            asked.set(&name, &value)?;
        }
        Ok(asked)
    }

    /// From a Parameters resource.
    ///
    /// # Errors
    /// [`Code::Invalid`].
    pub(super) fn add_body(&mut self, body: &[u8]) -> Result<()> {
        let body: Value = serde_json::from_slice(body).map_err(|_| invalid("the body is no JSON"))?;
        let parameters = body["parameter"].as_array().filter(|_| body["resourceType"] == "Parameters");
        for parameter in parameters.ok_or_else(|| invalid("the body is no Parameters resource"))? {
            let name = parameter["name"].as_str().unwrap_or_default();
            match name {
                "coding" => self.codings.push(coded(&parameter["valueCoding"])?),
                "codeableConcept" => {
                    let codings = parameter["valueCodeableConcept"]["coding"].as_array();
                    for coding in codings.into_iter().flatten().take(CODINGS_MAX) {
                        self.codings.push(coded(coding)?);
                    }
                }
                "valueSet" => {
                    let compose = parameter["resource"]["compose"].clone();
                    let compose = serde_json::from_value(compose);
                    self.compose =
                        Some(compose.map_err(|_| invalid("`valueSet` has no `compose` that is understood"))?);
                }
                _ => {
                    let fields = parameter.as_object().into_iter().flatten();
                    let value = fields.into_iter().find(|(field, _)| field.starts_with("value"));
                    let value = match value {
                        Some((_, Value::String(text))) => text.clone(),
                        Some((_, other @ (Value::Bool(_) | Value::Number(_)))) => other.to_string(),
                        _ => return Err(invalid("a parameter has no value that is understood")),
                    };
                    self.set(name, &value)?;
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let number = || value.parse().map_err(|_| invalid("`count` and `offset` are numbers from 0 on"));
        match name {
            "url" => self.url = Some(url(value)?),
            "system" => self.system = Some(url(value)?),
            "version" | "systemVersion" => self.version = Some(value.to_owned()),
            // The version of a value set is a part of its canonical name.
            "valueSetVersion" => {
                let url = self.url.take().ok_or_else(|| invalid("`valueSetVersion` goes with `url`"))?;
                self.url = Some(format!("{url}|{value}"));
            }
            "code" => self.code = Some(code(value)?),
            "display" => self.display = Some(value.to_owned()),
            "abstract" => self.headings = value == "true",
            "filter" => value.clone_into(&mut self.filter),
            "offset" => self.offset = number()?,
            "count" => self.count = Some(number()?),
            "coding" => self.codings.push(of_token(value)?),
            _ if IDLE.contains(&name) => {}
            _ => {
                return Err(Error::new(
                    Code::NotSupported,
                    "a parameter of this operation is not offered; see `/fhir/metadata?mode=terminology`",
                ));
            }
        }
        Ok(())
    }

    /// Every code that is asked about.
    ///
    /// # Errors
    /// [`Code::Invalid`] if there is none.
    pub(super) fn codes(&self) -> Result<Vec<Coded>> {
        let named = self.code.clone().map(|code| Coded {
            system: self.system.clone(),
            code,
            display: self.display.clone(),
        });
        let codes: Vec<Coded> = named.into_iter().chain(self.codings.iter().cloned()).collect();
        if codes.is_empty() { Err(invalid("name the code: `code`, or `coding`")) } else { Ok(codes) }
    }

    /// The one code that is asked about.
    ///
    /// # Errors
    /// As [`Self::codes`].
    pub(super) fn one_code(&self) -> Result<Coded> {
        match self.codes()?.as_slice() {
            [one] => Ok(one.clone()),
            _ => Err(invalid("name one code: `system` and `code`, or `coding`")),
        }
    }

    /// Whether the edition that is asked for is the one that is here.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub(super) async fn check_version(&self, gateway: &Gateway, system: &str) -> Result<()> {
        let Some(version) = &self.version else { return Ok(()) };
        let tables = gateway.terminology.tables().await;
        match tables.systems.get(system) {
            Some(known) if known.version.as_ref() == Some(version) => Ok(()),
            _ => Err(Error::new(Code::NotFound, "this edition of the code system is not known here")),
        }
    }
}

fn url(value: &str) -> Result<String> {
    let plain = is_url(value);
    plain.then(|| value.to_owned()).ok_or_else(|| invalid("a code system and a value set are named by a URI"))
}

fn code(value: &str) -> Result<String> {
    is_code(value).then(|| value.to_owned()).ok_or_else(|| invalid("the code is not one of FHIR"))
}

fn coded(coding: &Value) -> Result<Coded> {
    let text = coding["code"].as_str().ok_or_else(|| invalid("a coding has no code"))?;
    let system = coding["system"].as_str().map(url).transpose()?;
    Ok(Coded { system, code: code(text)?, display: coding["display"].as_str().map(str::to_owned) })
}

/// `system|code`, as some clients write a coding into a query.
fn of_token(value: &str) -> Result<Coded> {
    let (system, text) = value.rsplit_once('|').ok_or_else(|| invalid("a coding is `system|code`"))?;
    Ok(Coded { system: Some(url(system)?), code: code(text)?, display: None })
}
