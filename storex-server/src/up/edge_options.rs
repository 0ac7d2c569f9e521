//! What zones are made to do with requests, as the command line says it.

use std::str::FromStr;
use storex_cloudflare::hardened_policy;
use storex_core::policy::ZonePolicy;
use storex_core::{Code, EdgeSetting, Error, Result, Settings};

/// How much is set up on the zone of a custom domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZonePolicyName {
    /// Nothing, for a token without the permission Zone Settings: no call.
    None,
    /// Only `ssl_config: full`: one call.
    Minimal,
    /// That, plain HTTP redirected and no TLS older than 1.2: three calls.
    #[default]
    Standard,
    /// That, and rules against attacks, each as far as the zone's plan has it: one read and at most five calls more.
    Hardened,
}

impl FromStr for ZonePolicyName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            "minimal" => Ok(Self::Minimal),
            "standard" => Ok(Self::Standard),
            "hardened" => Ok(Self::Hardened),
            _ => Err(Error::new(Code::InvalidField, "a zone policy is none, minimal, standard or hardened")),
        }
    }
}

/// What zones are made to do with requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeOptions {
    /// The zones of custom domains.
    pub zone_policy: ZonePolicyName,
    /// Whether plain HTTP is redirected on the primary zone. Without it nothing of that zone is changed.
    pub force_https: bool,
}

impl EdgeOptions {
    /// The same settings with these policies.
    pub(super) fn applied(self, mut settings: Settings) -> Result<Settings> {
        settings.zone_policy = match self.zone_policy {
            ZonePolicyName::None => ZonePolicy::none(),
            ZonePolicyName::Minimal => ZonePolicy::minimal(),
            ZonePolicyName::Standard => ZonePolicy::standard(),
            ZonePolicyName::Hardened => hardened_policy()?,
        };
        if self.force_https {
            settings.primary_policy = ZonePolicy::none().with(EdgeSetting::AlwaysUseHttps, "on")?;
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_says_how_many_calls_it_costs_and_only_force_https_touches_the_primary_zone() {
        let settings = |zone_policy, force_https| {
            let usual = Settings::new("storex.com".parse().unwrap());
            EdgeOptions { zone_policy, force_https }.applied(usual).unwrap()
        };
        for (name, parts) in [("none", 0), ("minimal", 1), ("standard", 3), ("hardened", 8)] {
            let settings = settings(name.parse().unwrap(), false);
            assert_eq!((settings.zone_policy.parts().len(), settings.primary_policy.parts().len()), (parts, 0), "{name}");
        }
        assert_eq!(settings(ZonePolicyName::None, true).primary_policy.parts().len(), 1);
        assert_eq!(EdgeOptions::default().zone_policy, ZonePolicyName::Standard);
        assert!("lax".parse::<ZonePolicyName>().is_err());
    }
}
