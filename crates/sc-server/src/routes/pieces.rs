//! Answers of many bytes, in pieces: what a client does not read is not copied for it.

use std::{
    convert::Infallible,
    io::{self, Read},
    iter,
};

use actix_web::{
    body::{MessageBody, SizedStream},
    web::Bytes,
};
use flate2::read::GzDecoder;
use futures_util::stream;

/// Bytes that a connection takes at once.
const PIECE: usize = 32 << 10;

/// Returns a body of these bytes.
pub fn whole(bytes: Bytes) -> impl MessageBody + use<> {
    let len = bytes.len();
    let pieces = (0..len).step_by(PIECE).map(move |start| bytes.slice(start..len.min(start + PIECE)));
    SizedStream::new(len as u64, stream::iter(pieces.map(Ok::<_, Infallible>)))
}

/// Returns a body that is unpacked as it is read.
pub fn unpacked(gzip: &'static [u8]) -> impl MessageBody + use<> {
    // A gzip file ends with the length of its content (RFC 1952).
    let len = u32::from_le_bytes(*gzip.last_chunk().unwrap_or(&[0; 4]));
    let mut content = GzDecoder::new(gzip);
    let pieces = iter::from_fn(move || next_piece(&mut content).transpose());
    SizedStream::new(len.into(), stream::iter(pieces))
}

fn next_piece(content: &mut impl Read) -> io::Result<Option<Bytes>> {
    let mut piece = Vec::new();
    content.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then(|| piece.into()))
}

#[cfg(test)]
mod tests {
    use std::{io::Write, pin::pin};

    use actix_web::body::BodySize;
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// Returns the pieces of a body, after a check of its length.
    async fn pieces(body: impl MessageBody) -> Vec<Bytes> {
        let size = body.size();
        let mut body = pin!(body);
        let mut pieces = Vec::new();
        while let Some(piece) = std::future::poll_fn(|context| body.as_mut().poll_next(context)).await {
            pieces.push(piece.unwrap_or_else(|error| panic!("{}", error.into())));
        }
        assert_eq!(size, BodySize::Sized(pieces.iter().map(|piece| piece.len() as u64).sum()));
        pieces
    }

    #[actix_web::test]
    async fn a_body_comes_piece_by_piece() {
        let content: Vec<u8> = (0..=2 * PIECE).map(|i| i as u8).collect();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&content).unwrap();

        for pieces in [
            pieces(whole(content.clone().into())).await,
            pieces(unpacked(gzip.finish().unwrap().leak())).await,
        ] {
            assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [PIECE, PIECE, 1]);
            assert!(pieces.concat() == content);
        }
    }
}
