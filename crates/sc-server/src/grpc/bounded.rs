//! Reads messages of a bounded number of parts: a part of two bytes takes up a hundred times as much once it is read.

use std::marker::PhantomData;

use actix_web::web::Buf;
use prost::{
    Message,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder},
};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

use crate::{error::ApiError, upload::MAX_CLIPS};

/// Parts of a message beside its recordings: tensors, names and parameters.
const MOST_OTHERS: usize = 100;

/// The tags of messages within messages: `inputs`, their `contents`, and `outputs`.
const NESTED: [u32; 2] = [5, 6];

/// The tag of an input's shape, whose sizes may be one part together: at least a byte each.
const SHAPE: u32 = 3;

/// Writes messages of type `R`, and reads those of type `Q`.
pub struct BoundedCodec<R, Q>(PhantomData<(R, Q)>);

/// Reads messages of type `Q`.
pub struct BoundedDecoder<Q>(ProstDecoder<Q>);

impl<R, Q> Default for BoundedCodec<R, Q> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<R: Message + Send + 'static, Q: Message + Default + Send + 'static> Codec for BoundedCodec<R, Q> {
    type Encode = R;
    type Decode = Q;
    type Encoder = ProstEncoder<R>;
    type Decoder = BoundedDecoder<Q>;

    fn encoder(&mut self) -> ProstEncoder<R> {
        ProstCodec::<R, Q>::default().encoder()
    }

    fn decoder(&mut self) -> BoundedDecoder<Q> {
        BoundedDecoder(ProstCodec::<R, Q>::default().decoder())
    }
}

impl<Q: Message + Default> Decoder for BoundedDecoder<Q> {
    type Item = Q;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Q>, Status> {
        // A message is whole, and in one piece.
        if n_parts(message.chunk(), 0) > MAX_CLIPS + MOST_OTHERS {
            return Err(ApiError::TooMany { limit: MAX_CLIPS }.into());
        }
        self.0.decode(message)
    }
}

/// Counts the fields of a message and of messages in it, down to the contents of a tensor, of which samples are none. It
/// counts as far as the bytes are a message: so far they would be read.
fn n_parts(mut message: &[u8], depth: usize) -> usize {
    let mut n = 0;
    while let Some((tag, part)) = next_part(&mut message) {
        n += match part {
            None if depth == 2 => 0,
            Some(part) if depth < 2 && NESTED.contains(&tag) => 1 + n_parts(part, depth + 1),
            Some(part) if depth == 1 && tag == SHAPE => part.len(),
            _ => 1,
        };
    }
    n
}

/// Returns the tag of the next field, and its bytes if it has a length.
fn next_part<'a>(message: &mut &'a [u8]) -> Option<(u32, Option<&'a [u8]>)> {
    let (tag, wire_type) = decode_key(message).ok()?;
    if wire_type != WireType::LengthDelimited {
        skip_field(wire_type, tag, message, DecodeContext::default()).ok()?;
        return Some((tag, None));
    }
    let len = usize::try_from(decode_varint(message).ok()?).ok()?;
    let (part, rest) = message.split_at_checked(len)?;
    *message = rest;
    Some((tag, Some(part)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::grpc::protocol::{Contents, InferRequest, Parameter, Tensor, Wanted};

    #[test]
    fn recordings_and_parameters_are_parts_and_samples_are_none() {
        let contents = Contents { fp32_contents: vec![0.5; 900], bytes_contents: vec![vec![]; 500] };
        let input = Tensor { name: "AUDIO_FILE".into(), contents: Some(contents), ..Tensor::default() };
        let parameters = HashMap::from([("classification".into(), Parameter { value: None })]);
        let request = InferRequest {
            inputs: vec![input],
            outputs: vec![Wanted { name: "LABEL".into(), parameters }],
            raw_input_contents: vec![vec![]; 30],
            ..InferRequest::default()
        };
        // The input, its name, contents, samples and recordings; the output, its name and parameter; raw contents.
        assert_eq!(n_parts(&request.encode_to_vec(), 0), 1 + 3 + 500 + 1 + 2 + 30);
    }

    #[test]
    fn the_sizes_of_a_shape_are_parts() {
        let input = Tensor { shape: vec![1; 2_000], ..Tensor::default() };
        let request = InferRequest { inputs: vec![input], ..InferRequest::default() };
        assert_eq!(n_parts(&request.encode_to_vec(), 0), 1 + 2_000);
        // Not packed: two of one byte each in an input of four bytes.
        assert_eq!(n_parts(&[0x2a, 4, 0x18, 1, 0x18, 1], 0), 1 + 2);
    }

    #[test]
    fn what_comes_before_damage_counts() {
        let mut damaged =
            InferRequest { raw_input_contents: vec![vec![]; 9], ..InferRequest::default() }.encode_to_vec();
        damaged.extend([0x2a, 0x7f, 1]);
        assert_eq!(n_parts(&damaged, 0), 9);
        assert_eq!(n_parts(&[0xff; 40], 0), 0);
    }
}
