//! The memory for bodies of requests, so that many large ones cannot fill the machine.

use std::sync::Arc;

use actix_web::web::{Bytes, BytesMut};

use crate::{
    client::Client,
    error::ApiError,
    shares::{Share, Shares},
};

/// A body, and the share of the memory that it takes up until it is dropped.
pub struct Body {
    bytes: BytesMut,
    share: Share,
    /// The most bytes that it may have.
    limit: usize,
}

impl Body {
    /// Makes an empty body of `client` that may grow to `limit` bytes.
    pub fn new(memory: &Arc<Shares>, client: &Client, limit: usize) -> Self {
        Self { bytes: BytesMut::new(), share: memory.share(client), limit }
    }

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
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: u8) -> Client {
        Client::of_address(Ipv4Addr::new(10, 0, 0, number).into())
    }

    #[test]
    fn bodies_take_up_memory_until_they_are_dropped() {
        let memory = Shares::new(4_096);
        let body = |number| Body::new(&memory, &client(number), usize::MAX);
        let (mut first, mut second) = (body(1), body(2));
        first.push(&[0; 1_024]).unwrap();
        first.push(&[0; 2_048]).unwrap();

        second.push(&[0; 1_024]).unwrap();
        assert!(matches!(second.push(&[0]), Err(ApiError::Busy { .. })));
        drop(first.into_parts());
        assert!(second.push(&[0]).is_ok());
    }

    #[test]
    fn the_bodies_of_one_client_leave_memory_to_others() {
        let memory = Shares::new(8);
        let mut bodies: Vec<_> = (0..8).map(|_| Body::new(&memory, &client(1), usize::MAX)).collect();
        let taken = bodies.iter_mut().filter_map(|body| body.push(&[0]).ok()).count();
        assert_eq!(taken, 5);
        assert!(Body::new(&memory, &client(2), usize::MAX).push(&[0; 3]).is_ok());
    }
}
