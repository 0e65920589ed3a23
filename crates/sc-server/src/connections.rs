//! The connections: what belongs to each, and the way in for new ones.

use std::{cell::Cell, sync::Arc};

use actix_web::{
    HttpRequest,
    rt::{
        net::TcpStream,
        time::{Instant, sleep},
    },
};

use crate::{
    client::Client,
    lifecycle::Lifecycle,
    shares::{Share, Shares},
};

/// A new connection that is refused costs so many times as much as a refusal on an open one.
const COST: u32 = 2;

/// The connections that are open, shared out between the clients' addresses.
pub struct Connections(Arc<Shares>);

/// What belongs to a connection.
pub struct Connection {
    /// The port that it has come to.
    pub port: u16,
    /// The time before which it was told not to ask again.
    pub not_before: Cell<Option<Instant>>,
    /// Nothing if its client had more than a share when it came.
    share: Share,
}

impl Connections {
    /// Makes shares of this many connections.
    pub fn new(n_connections: usize) -> Self {
        Self(Shares::new(n_connections))
    }

    /// Returns a share of one for a connection, or of nothing if its client has too many.
    fn share(&self, io: &TcpStream) -> Share {
        let mut share = self.0.share(&Client::at(io.peer_addr().ok()));
        share.try_grow(1);
        share
    }

    /// Lets a connection wait for its turn if its client has too many. What waits here takes up hardly any memory. Those that
    /// ask for something with GET over plain http go on at once, because no place has to be free for them: the page, live
    /// streams, checks of health.
    pub async fn let_in(&self, io: &TcpStream, lifecycle: &Lifecycle) {
        if self.share(io).n_units() > 0 {
            return;
        }
        tokio::select! {
            () = sleep(self.0.turn(COST)) => {}
            () = begins_with_get(io) => {}
            () = lifecycle.closed() => {}
        }
    }
}

impl Connection {
    /// Makes the data of a new connection.
    pub fn new(io: &TcpStream, connections: &Connections) -> Self {
        let port = io.local_addr().map_or(0, |address| address.port());
        Self { port, not_before: Cell::default(), share: connections.share(io) }
    }

    /// Returns the data of the connection that a request came by.
    pub fn of(request: &HttpRequest) -> Option<&Self> {
        request.conn_data()
    }

    /// Returns true if its client had more than a share when it came.
    pub fn is_one_too_many(&self) -> bool {
        self.share.n_units() == 0
    }
}

/// Returns once the connection has sent GET, or has ended.
async fn begins_with_get(io: &TcpStream) {
    const METHOD: &[u8] = b"GET ";
    let mut bytes = [0; METHOD.len()];
    match io.peek(&mut bytes).await {
        Ok(n) if METHOD.starts_with(&bytes[..n]) => {}
        _ => std::future::pending().await,
    }
}
