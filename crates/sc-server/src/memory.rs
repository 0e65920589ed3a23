//! The memory for bodies of requests, so that many large ones cannot fill the machine.

use std::sync::Arc;

use actix_web::web::{Bytes, BytesMut};

use crate::{
    client::Client,
    error::ApiError,
    shares::{Share, Shares},
};

/// Bytes of a unit of the memory.
const UNIT: usize = 1024;

/// A bounded amount of memory, shared out between the clients.
#[derive(Debug)]
pub struct BodyMemory(Arc<Shares>);

/// A body, and the share of the memory that it takes up until it is dropped.
pub struct Body {
    bytes: BytesMut,
    share: BodyShare,
    /// The most bytes that it may have.
    limit: usize,
}

/// A part of the memory. It is free again when this is dropped.
#[derive(Debug)]
pub struct BodyShare {
    share: Share,
    n_bytes: usize,
}

impl BodyMemory {
    /// Makes memory for this many bytes.
    pub fn new(n_bytes: usize) -> Self {
        Self(Shares::new(n_bytes / UNIT))
    }

    /// Returns a share of nothing for `client`.
    pub fn share(&self, client: &Client) -> BodyShare {
        BodyShare { share: self.0.share(client), n_bytes: 0 }
    }

    /// Returns an empty body of `client` that may grow to `limit` bytes.
    pub fn body(&self, client: &Client, limit: usize) -> Body {
        Body { bytes: BytesMut::new(), share: self.share(client), limit }
    }
}

impl BodyShare {
    /// Grows by `n_bytes`.
    ///
    /// # Errors
    /// As [`Share::grow`].
    pub fn grow(&mut self, n_bytes: usize) -> Result<(), ApiError> {
        let n_bytes = self.n_bytes.saturating_add(n_bytes);
        self.share.grow(n_bytes.div_ceil(UNIT) - self.share.n_units())?;
        self.n_bytes = n_bytes;
        Ok(())
    }

    /// Returns the whole share, and leaves one of nothing.
    #[cfg(feature = "grpc")]
    pub fn take(&mut self) -> Self {
        Self { share: self.share.take(), n_bytes: std::mem::take(&mut self.n_bytes) }
    }
}

impl Body {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`] past the limit; as [`BodyShare::grow`].
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
    pub fn into_parts(self) -> (Bytes, BodyShare) {
        (self.bytes.freeze(), self.share)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: u8) -> Client {
        Client::of_address(Ipv4Addr::new(10, 0, 0, number).into())
    }

    #[test]
    fn bodies_take_up_memory_until_they_are_dropped() {
        let memory = BodyMemory::new(4 * UNIT);
        let mut first = memory.body(&client(1), usize::MAX);
        first.push(&[0; UNIT]).unwrap();
        first.push(&[0; UNIT + 1]).unwrap();

        let mut second = memory.body(&client(2), usize::MAX);
        second.push(&[0; UNIT]).unwrap();
        assert!(matches!(second.push(&[0]), Err(ApiError::Busy { .. })));
        drop(first.into_parts());
        assert!(second.push(&[0]).is_ok());
    }

    #[test]
    fn the_bodies_of_one_client_leave_memory_to_others() {
        let memory = BodyMemory::new(8 * UNIT);
        let mut bodies: Vec<_> = (0..8).map(|_| memory.body(&client(1), usize::MAX)).collect();
        let taken = bodies.iter_mut().filter_map(|body| body.push(&[0; UNIT]).ok()).count();
        assert_eq!(taken, 5);
        assert!(memory.body(&client(2), usize::MAX).push(&[0; 3 * UNIT]).is_ok());
    }

    #[test]
    fn a_body_of_small_pieces_takes_up_no_more_than_its_size() {
        let mut body = BodyMemory::new(UNIT).body(&client(1), usize::MAX);
        assert!((0..UNIT).all(|_| body.push(&[0]).is_ok()));
        assert!(body.push(&[0]).is_err());
    }
}
