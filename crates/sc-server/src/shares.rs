//! A bounded amount of something, shared out between the clients.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{client::Client, error::ApiError};

/// Time between the turns of two clients that come again. To refuse one takes about 0.17 ms, mostly to read a second of sound: a
/// thousand of them a second take less than a tenth of two cores from those that are answered.
const TURN: Duration = Duration::from_millis(1);

/// Longest time to a turn.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The refusal if fewer units are free than are asked for.
const FULL: &str = "too many recordings or live streams at once";

/// The refusal of a client that holds more units than are free. It may never get more, however often it asks.
const KEPT: &str = "you hold more than is free, and the rest is kept for other clients \
                    (the operator can give each a key, or set a larger --queue, --streams or --max-bytes)";

/// A bounded number of units. A client gets more only while at least as many are free as it holds.
///
/// So one client alone fills half of them, *n* clients *n* parts in *n* + 1, and the next client finds some.
/// These are the dynamic thresholds of Choudhury and Hahne (1998), with a factor of one.
#[derive(Debug)]
pub struct Shares {
    n_units: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    in_all: usize,
    by_client: HashMap<Client, usize>,
    /// The last turn that was given.
    last_turn: Option<Instant>,
}

/// The units that a client holds at one place. They are free again when this is dropped.
#[derive(Debug)]
pub struct Share {
    client: Client,
    of: Arc<Shares>,
    n_units: usize,
}

impl Shares {
    /// Makes this many units, all free.
    pub fn new(n_units: usize) -> Arc<Self> {
        Arc::new(Self { n_units, held: Mutex::default() })
    }

    /// Returns a share of nothing for `client`.
    pub fn share(self: &Arc<Self>, client: &Client) -> Share {
        Share { client: client.clone(), of: Arc::clone(self), n_units: 0 }
    }

    /// Gives a client that found no unit its turn, which is the time until it may come again. Thousands that came again after
    /// the same second would find none again, and that would take the time of those that are answered. `cost` is what it costs
    /// then, in refusals.
    pub fn turn(&self, cost: u32) -> Duration {
        let (mut held, now) = (self.held(), Instant::now());
        let turn = held.last_turn.map_or(now, |last| last.max(now)) + TURN * cost;
        let turn = turn.min(now + LONGEST_WAIT * cost);
        held.last_turn = Some(turn);
        turn - now
    }

    /// Counts the units that are held.
    pub fn n_held(&self) -> usize {
        self.held().in_all
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Grows by `n` units.
    ///
    /// # Errors
    /// [`ApiError::Busy`] at once if fewer are free, or if the client holds more than are free.
    pub fn grow(&mut self, n: usize) -> Result<(), ApiError> {
        let added = self.add(n);
        added.map_err(|why| ApiError::Busy { why, wait_s: self.of.turn(1).as_secs_f32().ceil() as u64 })
    }

    /// Grows by `n` units, or returns false if it cannot.
    pub fn try_grow(&mut self, n: usize) -> bool {
        self.add(n).is_ok()
    }

    /// Grows by `n` units, or returns why it cannot.
    fn add(&mut self, n: usize) -> Result<(), &'static str> {
        if n == 0 {
            return Ok(());
        }
        let mut held = self.of.held();
        let n_free = self.of.n_units - held.in_all;
        let n_own = held.by_client.get(&self.client).copied().unwrap_or_default();
        if n.max(n_own) > n_free {
            return Err(if n > n_free { FULL } else { KEPT });
        }
        held.in_all += n;
        *held.by_client.entry(self.client.clone()).or_default() += n;
        self.n_units += n;
        Ok(())
    }

    /// Returns the number of units.
    pub fn n_units(&self) -> usize {
        self.n_units
    }

    /// Returns the whole share, and leaves one of nothing.
    #[cfg(feature = "grpc")]
    pub fn take(&mut self) -> Self {
        let n_units = std::mem::take(&mut self.n_units);
        Self { client: self.client.clone(), of: Arc::clone(&self.of), n_units }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.n_units == 0 {
            return;
        }
        let mut held = self.of.held();
        held.in_all -= self.n_units;
        if let Some(n_own) = held.by_client.get_mut(&self.client) {
            *n_own -= self.n_units;
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

    /// Lets `client` take shares of `n` units until it is refused.
    fn fill(shares: &Arc<Shares>, client: &Client, n: usize) -> Vec<Share> {
        let take = || {
            let mut share = shares.share(client);
            share.grow(n).ok().map(|()| share)
        };
        std::iter::from_fn(take).collect()
    }

    #[test]
    fn a_greedy_client_leaves_units_to_others() {
        for n in [1, 7] {
            let shares = Shares::new(66 * n);

            let first = fill(&shares, &client(1), n);
            let second = fill(&shares, &client(2), n);

            assert_eq!((first.len(), second.len()), (34, 17));
            assert!(shares.share(&client(3)).grow(n).is_ok());
        }
    }

    #[test]
    fn few_units_are_all_of_use_to_one_client() {
        for n_units in [1, 2] {
            assert_eq!(fill(&Shares::new(n_units), &client(1), 1).len(), n_units);
        }
        assert!(Shares::new(0).share(&client(1)).grow(1).is_err());
    }

    #[test]
    fn a_client_that_holds_as_much_as_is_free_is_told_so() {
        let why = |n_units, n| {
            let shares = Shares::new(n_units);
            let _held = fill(&shares, &client(1), 1);
            match shares.share(&client(1)).grow(n) {
                Err(ApiError::Busy { why, .. }) => why,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([why(3, 1), why(3, 2), why(2, 1)], [KEPT, FULL, FULL]);
    }

    #[test]
    fn the_more_are_refused_the_longer_they_wait() {
        let shares = Shares::new(0);
        let wait = |_| shares.share(&client(1)).grow(1).unwrap_err().retry_after().unwrap().as_secs();

        let waits: Vec<_> = (0..20_000).map(wait).collect();

        assert_eq!((waits[0], waits[500]), (1, 1));
        assert!((2..=5).contains(&waits[4_900]), "{} s", waits[4_900]);
        assert_eq!(waits[19_999], 10);
    }

    #[test]
    fn a_share_is_free_again_when_it_is_dropped() {
        let shares = Shares::new(3);
        let mut share = shares.share(&client(1));
        share.grow(1).unwrap();
        share.grow(2).unwrap();

        assert!(share.grow(1).is_err() && shares.share(&client(2)).grow(1).is_err());
        assert_eq!((share.n_units(), shares.n_held()), (3, 3));
        drop(share);
        assert_eq!(shares.n_held(), 0);
        assert!(shares.held().by_client.is_empty());
    }
}
