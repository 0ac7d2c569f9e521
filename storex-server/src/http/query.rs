//! Query parameters: known ones only, each at most once.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use storex_core::{Code, Error, Result};

/// What axum makes of a query.
pub(super) type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// The parameters of one request.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters, when each is one of `known` and none comes twice.
    ///
    /// # Errors
    /// `unknown_field` or `invalid_field` with the parameter as pointer.
    pub(super) fn read(pairs: Pairs, known: &[&str]) -> Result<Self> {
        let Query(pairs) = pairs.map_err(|_| Error::new(Code::InvalidField, "the query cannot be read"))?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            let shown: String = name.chars().take(60).collect();
            let pointer = format!("/{}", shown.replace('~', "~0").replace('/', "~1"));
            if !known.contains(&name.as_str()) {
                let message = match known {
                    [] => format!("the parameter {shown:?} is not known; this route takes none"),
                    _ => format!("the parameter {shown:?} is not known; known are {}", known.join(", ")),
                };
                return Err(Error::new(Code::UnknownField, message).pointer(pointer));
            }
            if pairs.iter().skip(index + 1).any(|(other, _)| other == name) {
                return Err(Error::new(Code::InvalidField, "the parameter appears twice").pointer(pointer));
            }
        }
        Ok(Self(pairs))
    }

    /// The text of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A whole number of at least 0; `None` when the parameter is not there. More digits than fit count as very many.
    ///
    /// # Errors
    /// `invalid_field` with the parameter as pointer.
    pub(super) fn whole_number(&self, name: &str) -> Result<Option<u32>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let why = format!("{name} is a whole number of at least 0");
            return Err(Error::new(Code::InvalidField, why).pointer(format!("/{name}")));
        }
        Ok(Some(text.parse().unwrap_or(u32::MAX)))
    }

    /// Whether something is asked for; false when the parameter is not there.
    ///
    /// # Errors
    /// `invalid_field` with the parameter as pointer when it is neither `true` nor `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::new(Code::InvalidField, format!("{name} is true or false")).pointer(format!("/{name}"))),
        }
    }
}
