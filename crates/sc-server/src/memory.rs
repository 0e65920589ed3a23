//! The memory for bodies of requests, so that many large ones cannot fill the machine.

use std::sync::Arc;

use actix_web::web::{Bytes, BytesMut};
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Bytes that a permit stands for.
const UNIT: usize = 1024;

/// A bounded amount of memory.
#[derive(Debug)]
pub struct BodyMemory(Arc<Semaphore>);

/// A body, and the share of the memory that it takes up until it is dropped.
pub struct Body {
    bytes: BytesMut,
    share: Share,
    /// The most bytes that it may have.
    limit: usize,
}

/// A part of the memory. It is free again when this is dropped.
#[derive(Debug)]
pub struct Share {
    memory: Arc<Semaphore>,
    n_bytes: usize,
}

impl BodyMemory {
    /// Makes memory for this many bytes.
    pub fn new(n_bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((n_bytes / UNIT).min(Semaphore::MAX_PERMITS))))
    }

    /// Returns a share of nothing.
    pub fn share(&self) -> Share {
        Share { memory: Arc::clone(&self.0), n_bytes: 0 }
    }

    /// Returns an empty body that may grow to `limit` bytes.
    pub fn body(&self, limit: usize) -> Body {
        Body { bytes: BytesMut::new(), share: self.share(), limit }
    }
}

impl Share {
    /// Grows by `n_bytes`.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if other bodies take up the memory.
    pub fn grow(&mut self, n_bytes: usize) -> Result<(), ApiError> {
        let n_bytes = self.n_bytes.saturating_add(n_bytes);
        let more = n_bytes.div_ceil(UNIT) - self.n_units();
        let units = u32::try_from(more).ok().and_then(|more| self.memory.try_acquire_many(more).ok());
        units.ok_or(ApiError::Busy)?.forget(); // until this is dropped
        self.n_bytes = n_bytes;
        Ok(())
    }

    /// Returns the whole share, and leaves one of nothing.
    #[cfg(feature = "grpc")]
    pub fn take(&mut self) -> Self {
        Self { memory: Arc::clone(&self.memory), n_bytes: std::mem::take(&mut self.n_bytes) }
    }

    fn n_units(&self) -> usize {
        self.n_bytes.div_ceil(UNIT)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.add_permits(self.n_units());
    }
}

impl Body {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`] past the limit; as [`Share::grow`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        if bytes.len() > self.limit - self.bytes.len() {
            return Err(ApiError::TooLarge { limit: self.limit });
        }
        self.share.grow(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the bytes, and the share that they take up.
    pub fn into_parts(self) -> (Bytes, Share) {
        (self.bytes.freeze(), self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_take_up_memory_until_they_are_dropped() {
        let memory = BodyMemory::new(4 * UNIT);
        let mut first = memory.body(usize::MAX);
        first.push(&[0; UNIT]).unwrap();
        first.push(&[0; UNIT + 1]).unwrap();

        let mut second = memory.body(usize::MAX);
        second.push(&[0; UNIT]).unwrap();
        assert!(matches!(second.push(&[0]), Err(ApiError::Busy)));
        drop(first.into_parts());
        assert!(second.push(&[0]).is_ok());
    }

    #[test]
    fn a_body_of_small_pieces_takes_up_no_more_than_its_size() {
        let mut body = BodyMemory::new(UNIT).body(usize::MAX);
        assert!((0..UNIT).all(|_| body.push(&[0]).is_ok()));
        assert!(body.push(&[0]).is_err());
    }
}
