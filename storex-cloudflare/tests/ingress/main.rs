//! Ingress documents against what a real cloudflared answered.

#[cfg(test)]
mod local;
#[cfg(test)]
mod matching;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod order;
#[cfg(test)]
mod refusals;
