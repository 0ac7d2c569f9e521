//! Rows and claims as versioned JSON.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use storex_core::{Claim, Code, Error, Json, Result, Row};

/// The form of the records this build writes.
const FORM: u32 = 1;

/// A row as stored; its id is in the key.
#[derive(Serialize, Deserialize)]
pub(crate) struct RowRecord<'a> {
    form: u32,
    pub(crate) version: u64,
    pub(crate) nonce: Cow<'a, str>,
    pub(crate) indexes: Cow<'a, BTreeMap<String, String>>,
    pub(crate) body: Cow<'a, Json>,
}

impl<'a> RowRecord<'a> {
    /// A record of this build's form.
    pub(crate) fn new(version: u64, nonce: &'a str, indexes: &'a BTreeMap<String, String>, body: &'a Json) -> Self {
        Self { form: FORM, version, nonce: Cow::Borrowed(nonce), indexes: Cow::Borrowed(indexes), body: Cow::Borrowed(body) }
    }

    /// The record in `bytes`.
    ///
    /// # Errors
    /// `corrupt`.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let record: Self = read(bytes)?;
        known(record.form)?;
        Ok(record)
    }

    /// The row of this record.
    pub(crate) fn into_row(self, id: &str) -> Row {
        Row { id: id.to_owned(), version: self.version, body: self.body.into_owned(), indexes: self.indexes.into_owned() }
    }
}

/// A claim as stored; its namespace and name are in the key.
#[derive(Serialize, Deserialize)]
pub(crate) struct ClaimRecord<'a> {
    form: u32,
    pub(crate) owner: Cow<'a, str>,
    label: Cow<'a, str>,
}

impl<'a> ClaimRecord<'a> {
    /// A record of this build's form.
    pub(crate) fn new(claim: &'a Claim) -> Self {
        Self { form: FORM, owner: Cow::Borrowed(&claim.owner), label: Cow::Borrowed(&claim.label) }
    }

    /// The record in `bytes`.
    ///
    /// # Errors
    /// `corrupt`.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let record: Self = read(bytes)?;
        known(record.form)?;
        Ok(record)
    }

    /// The claim of this record.
    pub(crate) fn into_claim(self, namespace: &str, name: &str) -> Claim {
        Claim {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            owner: self.owner.into_owned(),
            label: self.label.into_owned(),
        }
    }
}

/// The bytes of a record.
///
/// # Errors
/// `invalid_field` for what JSON cannot hold.
pub(crate) fn encode(record: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(record).map_err(|error| Error::new(Code::InvalidField, format!("the document is no JSON: {error}")))
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::new(Code::Corrupt, format!("a stored record cannot be read: {error}")))
}

fn known(form: u32) -> Result<()> {
    if form == FORM {
        return Ok(());
    }
    Err(Error::new(Code::Corrupt, format!("a stored record has form {form}, this build knows {FORM}")))
}
