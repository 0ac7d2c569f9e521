//! The code table: one row per stable error code, shared by HTTP problem documents, CLI exit codes and docs.

use serde::{Deserialize, Serialize};

/// Class of a failure. New classes may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The request can never succeed as written.
    Invalid,
    /// No or wrong credentials.
    Unauthenticated,
    /// The caller is known but may not do this.
    Denied,
    /// The named thing does not exist.
    NotFound,
    /// The request collides with something that exists or is going on.
    Conflict,
    /// The dependency asked us to slow down.
    RateLimited,
    /// The dependency cannot be reached or is not ready.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The dependency answered something it should not.
    Upstream,
    /// Stored data cannot be understood.
    Corrupt,
    /// A defect in storex.
    Internal,
}

/// One row of the code table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// Its stable text, `lower_snake`.
    pub name: &'static str,
    /// Its class.
    pub kind: Kind,
    /// HTTP status of the problem document.
    pub http_status: u16,
    /// Exit code of the CLI.
    pub exit_code: u8,
    /// Short title for people.
    pub title: &'static str,
    /// What the reader can do about it.
    pub next_step: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $kind:ident, $http:literal, $exit:literal, $title:literal, $next:literal;)*) => {
        /// Stable error codes. Codes are only ever added.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $title] $(#[$doc])* $code,)* }

        const TABLE: &[Entry] = &[$(Entry {
            code: Code::$code, name: $name, kind: Kind::$kind, http_status: $http, exit_code: $exit, title: $title, next_step: $next,
        },)*];

        impl Code {
            /// Row of this code.
            pub fn entry(self) -> &'static Entry {
                match self { $(Code::$code => const { &Entry {
                    code: Code::$code, name: $name, kind: Kind::$kind, http_status: $http, exit_code: $exit, title: $title, next_step: $next,
                } },)* }
            }
        }
    };
}

codes! {
    InvalidJson = "invalid_json", Invalid, 400, 6, "The body is not valid JSON", "Send a JSON object with Content-Type: application/json.";
    InvalidField = "invalid_field", Invalid, 422, 6, "A field has a value that cannot be used", "Correct the field named by the pointer and send the request again.";
    UnknownField = "unknown_field", Invalid, 422, 6, "The request has a field storex does not know", "Remove the field or correct its spelling.";
    MissingField = "missing_field", Invalid, 422, 6, "A required field is missing", "Add the field named by the pointer.";
    InvalidUsername = "invalid_username", Invalid, 422, 6, "The username cannot be used", "Use 1 to 32 lower-case letters, digits and single hyphens between them.";
    InvalidDomain = "invalid_domain", Invalid, 422, 6, "The domain cannot be used", "Send a registrable domain such as example-shop.com.";
    InvalidEmail = "invalid_email", Invalid, 422, 6, "The e-mail address cannot be used", "Send an address of the form name@example.com.";
    BodyTooLarge = "body_too_large", Invalid, 413, 6, "The body is larger than 256 KiB", "Send a smaller body.";
    UnsupportedMediaType = "unsupported_media_type", Invalid, 415, 6, "The body is not declared as JSON", "Send Content-Type: application/json.";
    MethodNotAllowed = "method_not_allowed", Invalid, 405, 6, "The route does not answer this method", "See the API reference for the methods of this route.";
    Unauthenticated = "unauthenticated", Unauthenticated, 401, 4, "No valid token was sent", "Send Authorization: Bearer with the token from the token file.";
    Denied = "denied", Denied, 403, 4, "Not permitted", "Use a token with the permission named in the message.";
    NotFound = "not_found", NotFound, 404, 3, "No such thing", "List what exists and use one of its ids.";
    UsernameTaken = "username_taken", Conflict, 409, 5, "The username belongs to another store", "Choose another username.";
    DomainTaken = "domain_taken", Conflict, 409, 5, "The domain belongs to another store", "Choose another domain, or delete the store that holds it.";
    ZoneExists = "zone_exists", Conflict, 409, 5, "The Cloudflare account already has a zone of this name that storex did not make", "Remove the zone from the account, or choose another domain.";
    ForeignObject = "foreign_object", Conflict, 409, 5, "Something storex did not make is in the way", "Remove or rename the object named in the message; storex never touches it.";
    OperationInProgress = "operation_in_progress", Conflict, 409, 5, "Another operation on this store is going on", "Wait for the operation named in the message, then try again.";
    VersionConflict = "version_conflict", Conflict, 409, 5, "The document changed meanwhile", "Read it again and repeat the change.";
    StaleEpoch = "stale_epoch", Conflict, 409, 5, "A newer controller has taken over", "Nothing to do: the newer controller carries on.";
    LeaseExpired = "lease_expired", Unavailable, 503, 7, "A write came after the end of its lease", "Nothing to do: the lease is taken anew, or another controller carries on.";
    Exhausted = "exhausted", Conflict, 409, 5, "No free value is left to claim", "Widen the range named in the message.";
    Quota = "quota", Conflict, 409, 5, "A quota of the provider's plan is used up", "Do what the message says: remove what is not needed, or move to a larger plan.";
    TunnelFull = "tunnel_full", Conflict, 409, 5, "The tunnel's document can hold no more rules", "Change to router routing, where a store needs no rule of its own, or delete stores.";
    PortBusy = "port_busy", Conflict, 409, 5, "A port is in use", "Stop the program that holds the port, or choose another one.";
    DirectoryBusy = "directory_busy", Conflict, 409, 5, "Another storex runs on this directory", "Stop it first, or choose another directory.";
    RateLimited = "rate_limited", RateLimited, 503, 7, "A dependency asked to slow down", "Nothing to do: storex retries at the time it was given.";
    Unavailable = "unavailable", Unavailable, 503, 7, "A dependency cannot be reached", "Check that the dependency named in the message runs and is reachable.";
    SnapshotInProgress = "snapshot_in_progress", Unavailable, 503, 7, "A snapshot of a database is still being taken", "Nothing to do: storex goes on when it is there.";
    PlatformNotReady = "platform_not_ready", Unavailable, 503, 7, "The platform does not stand yet", "Wait until /readyz answers 200; it says what is missing.";
    Timeout = "timeout", Timeout, 504, 7, "No answer in time", "Try again; if it persists, check the dependency named in the message.";
    CloudflareRefused = "cloudflare_refused", Upstream, 502, 7, "Cloudflare refused the call", "See the code and message from Cloudflare in the context.";
    CloudflareDenied = "cloudflare_denied", Upstream, 502, 7, "Cloudflare refused the token", "Check the token's permissions and zone resources.";
    CloudflareAnswer = "cloudflare_answer", Upstream, 502, 7, "Cloudflare answered something undecodable", "Try again; if it persists, report it with the context.";
    PrimaryZoneMissing = "primary_zone_missing", Upstream, 502, 7, "The primary zone is not in the Cloudflare account or not active", "Add the primary domain to the account and let it become active; storex never makes it.";
    HostRefused = "host_refused", Upstream, 502, 7, "The store host refused the call", "See the message; check the agent's log.";
    ProcessNotServing = "process_not_serving", Upstream, 502, 7, "The store's process did not answer on its port in time", "Read the last log lines in the error and fix the application.";
    StoreNotServing = "store_not_serving", Upstream, 502, 7, "The store does not answer through the router", "Check the process and the route of the store.";
    RouteRejected = "route_rejected", Upstream, 502, 7, "The router refused the routes", "See the message from the configuration test.";
    Unsupported = "unsupported", Invalid, 422, 6, "Not supported here", "See the message for what is supported.";
    Unusable = "unusable", Invalid, 422, 2, "The machine or the settings cannot be used", "Do what the message says.";
    Corrupt = "corrupt", Corrupt, 500, 1, "Stored data cannot be understood", "Restore the data from a backup, or report it with the context.";
    Cancelled = "cancelled", Conflict, 409, 10, "The operation was cancelled", "Nothing to do: everything it made was removed.";
    PastPointOfNoReturn = "past_point_of_no_return", Conflict, 409, 5, "The operation can no longer be cancelled", "Wait until it ends.";
    IdempotencyKeyReused = "idempotency_key_reused", Invalid, 422, 6, "The Idempotency-Key was used for another request", "Send a new key for a new request, or the same request for the same key.";
    ForceRequired = "force_required", Conflict, 409, 5, "It would interrupt the store", "Read what would happen in the message; to have it done all the same, send force.";
    SafeMode = "safe_mode", Conflict, 409, 5, "The documents are older than the world they describe", "Compare the drift report with the world, then reconcile with accept_restore.";
    RolledBack = "rolled_back", Conflict, 409, 10, "The operation failed and everything it made was removed", "See the operation's error.";
    Poisoned = "poisoned", Internal, 500, 11, "The operation cannot go on without an operator", "See the operation's evidence, mend the cause, then retry it.";
    Internal = "internal", Internal, 500, 1, "A defect in storex", "Report it with the context.";
}

impl Code {
    /// Stable text of the code.
    pub fn as_str(self) -> &'static str {
        self.entry().name
    }

    /// The code with this text.
    pub fn parse(text: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.name == text).map(|entry| entry.code)
    }

    /// All rows, for documentation and tests.
    pub fn table() -> &'static [Entry] {
        TABLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_lower_snake_name_and_a_next_step() {
        let mut names: Vec<_> = Code::table().iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::table().len());
        for entry in Code::table() {
            assert!(entry.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", entry.name);
            assert!(entry.next_step.ends_with('.') && entry.next_step.len() > 10, "{}", entry.name);
            assert!((400..600).contains(&entry.http_status) && entry.exit_code > 0, "{}", entry.name);
            assert_eq!(Code::parse(entry.name), Some(entry.code));
            assert_eq!(serde_json::to_value(entry.code).unwrap(), entry.name);
        }
    }
}
