//! Randomness as a parameter. The only module of the library that asks the machine for random bytes.

use crate::value::{InstanceId, OperationId, StoreDigits};
use crate::{Code, Error, Result};
use jiff::Timestamp;
use std::fmt::{Debug, Write};

/// Where random bytes come from.
pub trait Entropy: Debug + Send + Sync + 'static {
    /// Fills the buffer with random bytes.
    ///
    /// # Errors
    /// `internal` when the machine gives none.
    fn fill(&self, buffer: &mut [u8]) -> Result<()>;
}

/// The machine's random number generator, fit for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for random bytes")]
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        getrandom::fill(buffer).map_err(|error| Error::new(Code::Internal, format!("no random bytes: {error}")))
    }
}

/// Random values made from [`Entropy`].
pub trait EntropyExt: Entropy {
    /// A uniformly chosen number below `bound` (0 when `bound` is 0).
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    fn below(&self, bound: u64) -> Result<u64> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        // 128 random bits make the bias of the remainder negligible.
        Ok(u64::try_from(u128::from_le_bytes(bytes) % u128::from(bound.max(1))).unwrap_or(0))
    }

    /// `count` random store numbers of `width` digits (5 to 15).
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    fn store_digits(&self, width: u32, count: usize) -> Result<Vec<StoreDigits>> {
        let first = 10_u64.pow(width.clamp(5, 15) - 1);
        (0..count).map(|_| StoreDigits::new(first + self.below(first * 9)?)).collect()
    }

    /// A new operation id, ordered by `now`.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    fn operation_id(&self, now: Timestamp) -> Result<OperationId> {
        let mut bytes = [0; 10];
        self.fill(&mut bytes)?;
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid();
        format!("op_{}", id.simple()).parse()
    }

    /// A new instance id.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    fn instance_id(&self) -> Result<InstanceId> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        format!("{:08x}", u32::from_le_bytes(bytes)).parse()
    }

    /// A random hexadecimal token of `bytes` random bytes.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    fn hex(&self, bytes: usize) -> Result<String> {
        let mut buffer = vec![0; bytes];
        self.fill(&mut buffer)?;
        Ok(buffer.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string never fails.
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }
}

impl<E: Entropy + ?Sized> EntropyExt for E {}
