//! The database of a store, its user, and the address stores reach them at.

use super::{Secret, StoreDigits, Username, text_serde};
use crate::{Code, Error, Result};
use std::fmt::{self, Write};
use std::str::FromStr;

/// Name of a store's database: `store_<username>`.
///
/// Invariants: at most 38 bytes of lower-case letters, digits, hyphens and one underscore, so it is a database name everywhere (63 bytes are possible,
/// none of `/\. "$*<>:|?`, and no two that differ in case only), and it names no database of the server itself.
///
/// ```
/// use storex_core::DatabaseName;
/// let name: DatabaseName = "store_oceanbreeze".parse()?;
/// assert_eq!(name.username().as_str(), "oceanbreeze");
/// assert!("admin".parse::<DatabaseName>().is_err());
/// # Ok::<(), storex_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseName {
    text: String,
    username: Username,
}

impl DatabaseName {
    const PREFIX: &'static str = "store_";

    /// Name of the database of this store.
    pub fn of(username: &Username) -> Self {
        Self { text: format!("{}{username}", Self::PREFIX), username: username.clone() }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Name of the store.
    pub fn username(&self) -> &Username {
        &self.username
    }
}

impl FromStr for DatabaseName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let username = text.strip_prefix(Self::PREFIX).and_then(|rest| rest.parse().ok());
        let refuse =
            || Error::new(Code::InvalidField, format!("{text:?} is no database of a store: one looks like store_oceanbreeze"));
        username.map(|username| Self::of(&username)).ok_or_else(refuse)
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_serde!(DatabaseName);

/// Name of the user a store works as in its database: `store_user_<digits>`, or `store_user_<digits>_b`. A store changes between the two when its password
/// does, so that for a while both passwords open the door.
///
/// ```
/// use storex_core::DatabaseUser;
/// let user: DatabaseUser = "store_user_12345".parse()?;
/// assert_eq!(user.other().as_str(), "store_user_12345_b");
/// assert_eq!(user.other().other(), user);
/// assert!("root".parse::<DatabaseUser>().is_err());
/// # Ok::<(), storex_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseUser {
    text: String,
    digits: StoreDigits,
    second: bool,
}

impl DatabaseUser {
    const PREFIX: &'static str = "store_user_";
    const SECOND: &'static str = "_b";

    /// Name of the first user of the store with this number.
    pub fn of(digits: StoreDigits) -> Self {
        Self::named(digits, false)
    }

    fn named(digits: StoreDigits, second: bool) -> Self {
        Self { text: format!("{}{digits}{}", Self::PREFIX, if second { Self::SECOND } else { "" }), digits, second }
    }

    /// The other of the two names a store has.
    #[must_use]
    pub fn other(&self) -> Self {
        Self::named(self.digits, !self.second)
    }

    /// True of the name that ends in `_b`.
    pub fn is_second(&self) -> bool {
        self.second
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Number of the store.
    pub fn digits(&self) -> StoreDigits {
        self.digits
    }
}

impl FromStr for DatabaseUser {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || {
            Error::new(Code::InvalidField, format!("{text:?} is no database user of a store: one looks like store_user_12345"))
        };
        let rest = text.strip_prefix(Self::PREFIX).ok_or_else(refuse)?;
        let (digits, second) = rest.strip_suffix(Self::SECOND).map_or((rest, false), |digits| (digits, true));
        digits.parse().map(|digits| Self::named(digits, second)).map_err(|_| refuse())
    }
}

impl fmt::Display for DatabaseUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

text_serde!(DatabaseUser);

/// Where stores reach their databases, the specification's `DB_HOST`: `mongodb://localhost:27017`, or several hosts with a comma between them and options
/// behind them (`mongodb://db1,db2/?replicaSet=rs0`). Never holds credentials.
///
/// ```
/// use storex_core::DatabaseAddress;
/// let address: DatabaseAddress = "mongodb://db1:27017,db2:27017/?replicaSet=rs0".parse()?;
/// assert_eq!(address.to_string(), "mongodb://db1:27017,db2:27017/?replicaSet=rs0");
/// assert!("mongodb://root:secret@db1".parse::<DatabaseAddress>().is_err());
/// # Ok::<(), storex_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DatabaseAddress {
    hosts: String,
    options: String,
}

impl DatabaseAddress {
    /// What a program of the store connects with: the address with the database in its path, the user and the password.
    pub fn with_credentials(&self, name: &DatabaseName, user: &DatabaseUser, password: &Secret<String>) -> Secret<String> {
        let (scheme, hosts) = self.hosts.split_once("://").unwrap_or_default();
        let mut uri = format!("{scheme}://{user}:");
        for byte in password.expose().bytes() {
            if byte.is_ascii_alphanumeric() {
                uri.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(uri, "%{byte:02X}");
            }
        }
        let options = if self.options.is_empty() { String::new() } else { format!("?{}", self.options) };
        let _ = write!(uri, "@{hosts}/{name}{options}");
        Secret::new(uri)
    }
}

impl FromStr for DatabaseAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // The text is not shown: it may hold a password.
        let refuse = |why: &str| Err(Error::new(Code::InvalidField, format!("the address of the databases {why}")));
        let Some((scheme, rest)) = text.split_once("://") else { return refuse("has to look like mongodb://localhost:27017") };
        let (hosts, tail) = rest.split_once('/').unwrap_or((rest, ""));
        let options = tail.strip_prefix('?').unwrap_or_default();
        if text.contains('@') {
            return refuse("holds credentials: leave them out, each store has its own");
        }
        if !tail.is_empty() && options.is_empty() {
            return refuse("names a database: leave it out, each store has its own");
        }
        let plain = |text: &str, more: &[u8]| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte));
        if scheme.is_empty() || !plain(scheme, b"+") || !plain(options, b"=&.,_-%+:") {
            return refuse("has to look like mongodb://localhost:27017");
        }
        if hosts.split(',').any(str::is_empty) || !plain(hosts, b".-_:,[]") {
            return refuse("has to name its hosts as in mongodb://db1:27017,db2:27017");
        }
        Ok(Self { hosts: format!("{scheme}://{hosts}"), options: options.to_owned() })
    }
}

impl fmt::Display for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hosts)?;
        if self.options.is_empty() { Ok(()) } else { write!(f, "/?{}", self.options) }
    }
}

text_serde!(DatabaseAddress);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_databases_and_users_of_stores_have_names() {
        let long = format!("store_{}", "a".repeat(32));
        assert_eq!(long.parse::<DatabaseName>().unwrap().as_str(), long);
        let longer = format!("{long}a");
        let bad = [
            "",
            "store_",
            "admin",
            "local",
            "config",
            "storex",
            "store_Ocean",
            "store_a.b",
            "store_a b",
            "store_a/b",
            "store_a$",
        ];
        for bad in bad.into_iter().chain([longer.as_str(), "store_root", "store_a\0", "store_a_b", "STORE_a", " store_a"]) {
            assert_eq!(bad.parse::<DatabaseName>().unwrap_err().code(), Code::InvalidField, "{bad}");
        }
        assert_eq!("store_user_12345".parse::<DatabaseUser>().unwrap().digits().to_string(), "12345");
        for bad in ["", "root", "store_user_", "store_user_1234", "store_user_012345", "store_user_12345 ", "store_user_x2345"] {
            assert_eq!(bad.parse::<DatabaseUser>().unwrap_err().code(), Code::InvalidField, "{bad}");
        }
    }

    #[test]
    fn an_address_is_hosts_and_options_and_nothing_else() {
        for (text, shown) in [
            ("mongodb://localhost:27017", "mongodb://localhost:27017"),
            ("mongodb://localhost:27017/", "mongodb://localhost:27017"),
            ("mongodb://[::1]:27017,db-2/?replicaSet=rs0&tls=true", "mongodb://[::1]:27017,db-2/?replicaSet=rs0&tls=true"),
        ] {
            assert_eq!(text.parse::<DatabaseAddress>().unwrap().to_string(), shown);
        }
        let bad =
            ["", "localhost:27017", "mongodb://", "mongodb:///", "mongodb://a,,b", "mongodb://a/shop", "mongodb://a/shop?x=1"];
        for bad in bad.into_iter().chain([
            "mongodb://u:canary@a",
            "mongodb://a b",
            "mongodb://a/?x=\"",
            "mongodb://a#b",
            "://a",
            "mongodb://a?x=1",
        ]) {
            let error = bad.parse::<DatabaseAddress>().unwrap_err();
            assert!(error.code() == Code::InvalidField && !error.to_string().contains("canary"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_password_of_any_text_stands_in_the_connection_string_of_a_store() {
        let address: DatabaseAddress = "mongodb://a,b/?replicaSet=rs0".parse().unwrap();
        let (name, user) = ("store_ocean".parse().unwrap(), "store_user_12345".parse().unwrap());
        let uri = address.with_credentials(&name, &user, &Secret::new("p@ss:/?#[]%é".to_owned()));
        assert_eq!(uri.expose(), "mongodb://store_user_12345:p%40ss%3A%2F%3F%23%5B%5D%25%C3%A9@a,b/store_ocean?replicaSet=rs0");
    }
}
