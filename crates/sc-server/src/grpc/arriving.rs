//! The memory of messages, counted as they arrive: tonic keeps a message until it is whole.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use actix_web::web::Bytes;
use http_body::Frame;
use tonic::{Status, body::Body};

use crate::{
    client::Client,
    shares::{Share, Shares},
};

/// The share of the memory that is taken up by what has arrived of a message.
#[derive(Clone)]
pub struct Arriving(Arc<Mutex<Share>>);

impl Arriving {
    /// Begins at nothing.
    pub fn new(memory: &Arc<Shares>, client: &Client) -> Self {
        Self(Arc::new(Mutex::new(memory.share(client))))
    }

    /// Returns a body whose bytes are counted. It ends by an error if other bodies take up the memory.
    pub fn count(&self, body: Body) -> Body {
        Body::new(Counted { body, arriving: self.clone() })
    }

    /// Returns the share of a message that is whole. The count begins at nothing again.
    pub fn take(&self) -> Share {
        self.share().take()
    }

    fn share(&self) -> MutexGuard<'_, Share> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body whose bytes are counted.
struct Counted {
    body: Body,
    arriving: Arriving,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context)?);
        let n_bytes = frame.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len);
        self.arriving.share().grow(n_bytes)?;
        Poll::Ready(frame.map(Ok))
    }
}
