//! The memory for bodies of requests, so that many large ones cannot fill the machine.

use std::sync::Arc;

use actix_web::web::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
}

/// A part of the memory. It is free again when this is dropped.
#[derive(Debug)]
pub struct Share(OwnedSemaphorePermit);

impl BodyMemory {
    /// Makes memory for this many bytes.
    pub fn new(n_bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((n_bytes / UNIT).min(Semaphore::MAX_PERMITS))))
    }

    /// Returns an empty body.
    ///
    /// # Errors
    /// [`ApiError::Internal`] never: the memory is never closed.
    pub fn body(&self) -> Result<Body, ApiError> {
        let none = Arc::clone(&self.0).try_acquire_many_owned(0).map_err(ApiError::internal)?;
        Ok(Body { bytes: BytesMut::new(), share: Share(none) })
    }
}

impl Share {
    /// Grows to `n_bytes`.
    ///
    /// # Errors
    /// [`ApiError::Busy`] if other bodies take up the memory.
    pub fn grow(&mut self, n_bytes: usize) -> Result<(), ApiError> {
        let more = n_bytes.div_ceil(UNIT).saturating_sub(self.0.num_permits());
        let more = u32::try_from(more).map_err(|_| ApiError::Busy)?;
        let more = Arc::clone(self.0.semaphore()).try_acquire_many_owned(more);
        self.0.merge(more.map_err(|_| ApiError::Busy)?);
        Ok(())
    }
}

impl Body {
    /// Appends bytes.
    ///
    /// # Errors
    /// As [`Share::grow`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        self.share.grow(self.bytes.len() + bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
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
        let mut first = memory.body().unwrap();
        first.push(&[0; UNIT]).unwrap();
        first.push(&[0; UNIT + 1]).unwrap();

        let mut second = memory.body().unwrap();
        second.push(&[0; UNIT]).unwrap();
        assert!(matches!(second.push(&[0]), Err(ApiError::Busy)));
        drop(first.into_parts());
        assert!(second.push(&[0]).is_ok());
    }

    #[test]
    fn a_body_of_small_pieces_takes_up_no_more_than_its_size() {
        let mut body = BodyMemory::new(UNIT).body().unwrap();
        assert!((0..UNIT).all(|_| body.push(&[0]).is_ok()));
        assert!(body.push(&[0]).is_err());
    }
}
