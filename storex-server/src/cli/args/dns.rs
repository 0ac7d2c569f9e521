//! The arguments of `storex cloudflare dns`.

use super::DataDir;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use storex_core::{Hostname, RecordId};

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum DnsCommand {
    /// Print a zone as a zone file in BIND's format
    Export(ExportArgs),
    /// Bring the records of a zone file into a zone; what is there stays as it is
    Import(ImportArgs),
    /// Let Cloudflare look for the records of a domain's former name servers, and decide about what it found
    Scan(ScanArgs),
}

/// Which zone, and where.
#[derive(Clone, Debug, Args)]
pub(crate) struct ZoneArgs {
    /// The zone's domain
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) zone: Hostname,
    /// Domain below which stores have their system names [default: storex.com with a simulator]
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) primary_domain: Option<Hostname>,
    /// Port of a Cloudflare simulator on this machine, instead of Cloudflare; its token is read from simulator.token in the data folder
    #[arg(long, value_name = "PORT")]
    pub(crate) simulator_port: Option<u16>,
    #[command(flatten)]
    pub(crate) data: DataDir,
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  storex cloudflare dns export --zone oceanbreezestore.com --primary-domain storex.com > oceanbreezestore.com.zone";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  storex cloudflare dns import --zone oceanbreezestore.com --file old-provider.zone --primary-domain storex.com

Says which records were left out and why. Ends with 5 when the zone's plan does not hold them all; then none is made. Importing again brings in what is
missing.";

#[derive(Clone, Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
    /// The zone file, at most 256 KiB
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
}

const SCAN_EXAMPLES: &str = "\
Examples:
  storex cloudflare dns scan --zone oceanbreezestore.com --start --primary-domain storex.com
  storex cloudflare dns scan --zone oceanbreezestore.com --primary-domain storex.com
  storex cloudflare dns scan --zone oceanbreezestore.com --accept ID --reject ID --primary-domain storex.com

Without --start, --accept and --reject it lists what was found and not decided. Cloudflare looks at names it knows: that is no copy of the zone.";

#[derive(Clone, Debug, Args)]
#[command(after_help = SCAN_EXAMPLES)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
    /// Start a scan
    #[arg(long, conflicts_with_all = ["accept", "reject"])]
    pub(crate) start: bool,
    /// Add this record to the zone
    #[arg(long, value_name = "ID")]
    pub(crate) accept: Vec<RecordId>,
    /// Forget this record
    #[arg(long, value_name = "ID")]
    pub(crate) reject: Vec<RecordId>,
}
