//! The adapter against the Cloudflare simulator, over HTTP on loopback.

#[cfg(test)]
mod account;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod custom_domains;
#[cfg(test)]
mod dns_properties;
#[cfg(test)]
mod dns_sets;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod throttling;
#[cfg(test)]
mod token;
#[cfg(test)]
mod writer;
