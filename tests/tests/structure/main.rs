//! The shape of the workspace, held by tests: which room may name which, licences, file sizes, ambient calls, wording.
//! Every check is a function from text to findings; it runs over the tree, and over a bad sample that it must find.

#[cfg(test)]
mod ambient;
#[cfg(test)]
mod arrows;
#[cfg(test)]
mod cancellation;
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod files;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod source;
#[cfg(test)]
mod spdx;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod wording;
