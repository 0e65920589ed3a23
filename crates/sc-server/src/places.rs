//! Places for work at once, shared out between the clients.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use crate::{
    client::Client,
    error::ApiError,
    shares::{Share, Shares},
};

/// A bounded number of places.
#[derive(Debug)]
pub struct Places(Arc<Shares>);

/// A place. It is free again when its last clone is dropped.
#[derive(Clone, Debug)]
pub struct Place(Arc<Hold>);

#[derive(Debug)]
struct Hold {
    _share: Share,
    /// The memory of the body that the place is for.
    body: OnceLock<Share>,
    /// The time at which its first job was asked for.
    begun: OnceLock<Instant>,
}

impl Place {
    /// Starts the clock unless it runs, and returns its beginning: a request has one deadline, however many jobs it takes.
    pub fn begin(&self) -> Instant {
        *self.0.begun.get_or_init(Instant::now)
    }

    /// Keeps the memory of a body as long as the place.
    pub fn with_body(self, share: Share) -> Self {
        let _ = self.0.body.set(share); // a place is for one body
        self
    }
}

impl Places {
    /// Makes this many places, all free.
    pub fn new(n_places: usize) -> Self {
        Self(Shares::new(n_places))
    }

    /// Takes a place for `client`.
    ///
    /// # Errors
    /// As [`Share::grow`].
    pub fn take(&self, client: &Client) -> Result<Place, ApiError> {
        let mut share = self.0.share(client);
        share.grow(1)?;
        Ok(Place(Arc::new(Hold { _share: share, body: OnceLock::new(), begun: OnceLock::new() })))
    }

    /// Counts the places that are held.
    pub fn n_held(&self) -> usize {
        self.0.n_held()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_place_is_free_again_after_its_last_clone() {
        let [one, other] = [1, 2].map(|n| Client::of_address(Ipv4Addr::new(10, 0, 0, n).into()));
        let places = Places::new(1);
        let place = places.take(&one).unwrap();
        let clone = place.clone();

        drop(place);
        assert!(places.take(&other).is_err());
        drop(clone);
        assert_eq!(places.n_held(), 0);
        assert!(places.take(&other).is_ok());
    }
}
