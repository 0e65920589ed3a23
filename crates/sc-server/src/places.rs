//! Places for work at once, shared out between the clients.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use crate::{access::Client, error::ApiError, memory::Share};

/// A bounded number of places. A client gets one more only while at least as many are free as it holds.
///
/// So one client alone fills half of them, *n* clients *n* parts in *n* + 1, and the next client finds a place.
/// These are the dynamic thresholds of Choudhury and Hahne (1998), with a factor of one.
#[derive(Debug)]
pub struct Places {
    n_places: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    in_all: usize,
    by_client: HashMap<Client, usize>,
}

/// A place. It is free again when its last clone is dropped.
#[derive(Clone, Debug)]
pub struct Place {
    hold: Arc<Hold>,
    /// The memory of the body that the place is for.
    _body: Option<Arc<Share>>,
}

#[derive(Debug)]
struct Hold {
    client: Client,
    places: Arc<Places>,
    /// The time at which its first job was asked for.
    begun: OnceLock<Instant>,
}

impl Place {
    /// Returns the time since this was first called: a request has one deadline, however many jobs it takes.
    pub fn age(&self) -> Duration {
        self.hold.begun.get_or_init(Instant::now).elapsed()
    }

    /// Keeps the memory of a body as long as the place.
    pub fn with_body(self, share: Share) -> Self {
        Self { _body: Some(Arc::new(share)), ..self }
    }
}

impl Places {
    /// Makes this many places, all free.
    pub fn new(n_places: usize) -> Arc<Self> {
        Arc::new(Self { n_places, held: Mutex::default() })
    }

    /// Takes a place for `client`.
    ///
    /// # Errors
    /// [`ApiError::Busy`] at once if none is free, or if `client` holds more than are free.
    pub fn take(self: &Arc<Self>, client: &Client) -> Result<Place, ApiError> {
        let mut held = self.held();
        let n_free = self.n_places - held.in_all;
        if n_free == 0 || held.by_client.get(client).is_some_and(|n_own| *n_own > n_free) {
            return Err(ApiError::Busy);
        }
        held.in_all += 1;
        *held.by_client.entry(client.clone()).or_default() += 1;
        let taken = Hold { client: client.clone(), places: Arc::clone(self), begun: OnceLock::new() };
        Ok(Place { hold: Arc::new(taken), _body: None })
    }

    /// Counts the places that are held.
    pub fn n_held(&self) -> usize {
        self.held().in_all
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.places.held();
        held.in_all -= 1;
        if let Some(n_own) = held.by_client.get_mut(&self.client) {
            *n_own -= 1;
            if *n_own == 0 {
                held.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn client(number: u8) -> Client {
        Client::of_address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number)))
    }

    /// Takes places for `client` until it is refused.
    fn fill(places: &Arc<Places>, client: &Client) -> Vec<Place> {
        std::iter::from_fn(|| places.take(client).ok()).collect()
    }

    #[test]
    fn a_greedy_client_leaves_places_to_others() {
        let places = Places::new(66);

        let first = fill(&places, &client(1));
        let second = fill(&places, &client(2));

        assert_eq!((first.len(), second.len()), (34, 17));
        assert!(places.take(&client(3)).is_ok());
    }

    #[test]
    fn few_places_are_all_of_use_to_one_client() {
        for n_places in [1, 2] {
            assert_eq!(fill(&Places::new(n_places), &client(1)).len(), n_places);
        }
        assert!(Places::new(0).take(&client(1)).is_err());
    }

    #[test]
    fn a_place_is_free_again_after_its_last_clone() {
        let places = Places::new(1);
        let place = places.take(&client(1)).unwrap();
        let clone = place.clone();

        drop(place);
        assert!(places.take(&client(2)).is_err());
        drop(clone);
        assert_eq!(places.n_held(), 0);
        assert!(places.take(&client(2)).is_ok());
        assert!(places.held().by_client.is_empty());
    }
}
