//! The connections: what belongs to each, and the way in for new ones.

use std::{cell::Cell, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest,
    rt::{
        net::TcpStream,
        time::{Instant, sleep, timeout},
    },
};

use crate::{
    client::Client,
    lifecycle::Lifecycle,
    shares::{Share, Shares},
};

/// A new connection that is refused costs so many times as much as a refusal on an open one.
const COST: u32 = 2;

/// Time for a connection to send its first bytes. Then it goes on, and ends by HTTP's own time for that.
const SILENT: Duration = Duration::from_secs(5);

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

    /// Lets a connection wait for its turn if its client has too many. What waits here takes up hardly any memory.
    pub async fn let_in(&self, io: &TcpStream, lifecycle: &Lifecycle) {
        if self.share(io).n_units() > 0 {
            return;
        }
        tokio::select! {
            () = self.turn(io) => {}
            () = lifecycle.closed() => {}
        }
    }

    /// Waits for a turn. Only what may be refused takes one, so that others need not wait behind it.
    async fn turn(&self, io: &TcpStream) {
        if may_be_refused(io).await {
            sleep(self.0.turn(COST)).await;
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

/// Returns true once the connection has sent something else than GET, and false if it sends that, nothing or its end. What is
/// asked for with GET is not refused, because no place has to be free for it: the page, live streams, checks of health.
async fn may_be_refused(io: &TcpStream) -> bool {
    const GET: &[u8] = b"GET ";
    let mut bytes = [0; GET.len()];
    let begun = timeout(SILENT, io.peek(&mut bytes)).await;
    matches!(begun, Ok(Ok(n)) if !GET.starts_with(&bytes[..n]))
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{Shutdown, TcpListener, TcpStream},
    };

    use super::*;

    #[actix_web::test]
    async fn what_is_asked_for_with_get_need_not_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cases =
            [("GET /health", false), ("GE", false), ("", false), ("POST /predict", true), ("G\n", true)];
        for (bytes, waits) in cases {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.write_all(bytes.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let (io, _) = listener.accept().unwrap();
            io.set_nonblocking(true).unwrap();

            let io = actix_web::rt::net::TcpStream::from_std(io).unwrap();
            assert_eq!(may_be_refused(&io).await, waits, "{bytes:?}");
        }
    }
}
