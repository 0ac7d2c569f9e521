//! The arguments about custom domains.

use crate::up::DomainOptions;
use clap::Args;
use storex_core::{DomainStrategy, ValidationMethod};

/// How custom domains reach the tunnel.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Custom domains")]
pub(crate) struct DomainArgs {
    /// How a custom domain reaches the tunnel when a request does not say: zone or `custom_hostname`
    #[arg(long, value_name = "STRATEGY", default_value_t = DomainStrategy::Zone)]
    pub(crate) domain_strategy: DomainStrategy,
    /// Make custom hostnames ready also when zone is the default strategy
    #[arg(long)]
    pub(crate) custom_hostnames: bool,
    /// The Cloudflare plan has addresses for the apex of a custom hostname (Enterprise)
    #[arg(long)]
    pub(crate) apex_proxying: bool,
    /// Use zones the account has already: only storex's own records in them are touched, and they are never removed
    #[arg(long)]
    pub(crate) adopt_zones: bool,
    /// How the certificate of a custom hostname is validated: http, by a page the edge serves once the name leads there; txt, by a record of its owner, so
    /// that the certificate can be there before
    #[arg(long, value_name = "http|txt", default_value_t = ValidationMethod::Http)]
    pub(crate) hostname_validation: ValidationMethod,
}

impl DomainArgs {
    /// The same as options.
    pub(crate) fn options(self) -> DomainOptions {
        DomainOptions {
            strategy: self.domain_strategy,
            custom_hostnames: self.custom_hostnames,
            apex_proxying: self.apex_proxying,
            adopt_zones: self.adopt_zones,
            validation: self.hostname_validation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        domains: DomainArgs,
    }

    #[test]
    fn the_validation_method_is_taken_over_and_an_unknown_one_is_refused() {
        let parse = |text: &str| Alone::try_parse_from(text.split(' ')).map(|alone| alone.domains.options().validation);
        assert_eq!(parse("up").unwrap(), ValidationMethod::Http);
        assert_eq!(parse("up --hostname-validation txt").unwrap(), ValidationMethod::Txt);
        assert!(parse("up --hostname-validation email").unwrap_err().to_string().contains("http or txt"));
    }
}
