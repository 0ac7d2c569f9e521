//! What storex refuses although cloudflared accepts it. Each refusal has a name; nothing else may differ.

/// A refusal of storex's own.
///
/// The first six hold for every document, since what cloudflared makes of it is never what was meant, or depends on its version. The others hold for
/// rules storex itself writes ([`Ingress::parse_own`](super::Ingress::parse_own)); other people's rules may be like that and are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stricter {
    /// `*shop.com`: passes for a wildcard and matches no host name at all.
    WildcardWithoutDot,
    /// `\pL` in a path: which characters these are depends on the version of Go.
    PathUnicodeClass,
    /// `(?<name>…)` in a path: refused by cloudflared built with Go before 1.22.
    PathNamedGroup,
    /// A path pattern too large or too deep for storex's engine: 10 MiB, 250 levels.
    PathTooLarge,
    /// A service such as `http://a:b:80` or `http://[name]`: refused by cloudflared built with Go 1.26.
    AmbiguousAddress,
    /// Two keys that differ in case only, such as `hostname` and `Hostname`: Go takes both for one.
    RepeatedKey,
    /// A host name with upper-case letters: as a wildcard it matches no browser's request.
    UpperCase,
    /// A host name that is not ASCII: as a wildcard it matches no browser's request, which comes in punycode.
    NotAscii,
    /// A host name with a dot at its end: it matches only requests that have one too.
    TrailingDot,
    /// Something else that is no host name, with or without `*.` in front.
    NotAHostname,
    /// The same host name and path as an earlier rule.
    Duplicate,
    /// Every request it could match goes to an earlier rule, such as `a.storex.com` behind `*.storex.com`.
    Unreachable,
}

impl Stricter {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::WildcardWithoutDot,
        Self::PathUnicodeClass,
        Self::PathNamedGroup,
        Self::PathTooLarge,
        Self::AmbiguousAddress,
        Self::RepeatedKey,
        Self::UpperCase,
        Self::NotAscii,
        Self::TrailingDot,
        Self::NotAHostname,
        Self::Duplicate,
        Self::Unreachable,
    ];

    /// The name, stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::WildcardWithoutDot => "wildcard_without_dot",
            Self::PathUnicodeClass => "path_unicode_class",
            Self::PathNamedGroup => "path_named_group",
            Self::PathTooLarge => "path_too_large",
            Self::AmbiguousAddress => "ambiguous_address",
            Self::RepeatedKey => "repeated_key",
            Self::UpperCase => "upper_case",
            Self::NotAscii => "not_ascii",
            Self::TrailingDot => "trailing_dot",
            Self::NotAHostname => "not_a_hostname",
            Self::Duplicate => "duplicate",
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether only rules of storex's own are refused for it.
    pub fn is_for_own_rules(self) -> bool {
        self >= Self::UpperCase
    }
}
