//! Inference requests, and the audio in them.

use std::{collections::HashSet, fmt};

use actix_web::{http::header::HeaderValue, web::Bytes};
use sc_data::SAMPLE_RATE_HZ;
use sc_model::check_threshold;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, SeqAccess, Visitor},
};

use super::tensor::{HEADER_LENGTH, Output, OutputKind};
use crate::{
    error::ApiError,
    recogniser::Audio,
    upload::{MAX_CLIPS, decode_base64, without_mark},
};

/// The longest list of tensors, and the most dimensions of one, that are read: more would fill the memory for nothing.
const MOST: usize = 16;

/// The longest name of a request, in bytes. Its answer repeats it.
const LONGEST_ID: usize = 1_000;

/// The JSON of a request. What is `null` counts as left out.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct Request {
    /// Name of the request, which the answer repeats.
    id: Option<String>,
    /// One tensor: `AUDIO` or `AUDIO_FILE`.
    #[schema(min_items = 1, max_items = 1)]
    #[serde(deserialize_with = "few")]
    inputs: Vec<Input>,
    /// Tensors of the answer: all of them if none is named.
    #[serde(default, deserialize_with = "few")]
    outputs: Vec<Wanted>,
    #[serde(default, deserialize_with = "or_default")]
    parameters: RequestParameters,
}

/// A tensor of the request.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct Input {
    #[schema(pattern = "^(AUDIO|AUDIO_FILE)$")]
    pub name: String,
    #[schema(min_items = 1)]
    #[serde(deserialize_with = "few")]
    pub shape: Vec<u64>,
    #[schema(pattern = "^(FP32|BYTES)$")]
    pub datatype: String,
    #[serde(default, deserialize_with = "or_default")]
    pub parameters: InputParameters,
    /// Elements in row order, flat or nested.
    #[serde(default)]
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    pub data: Option<Elements>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
pub struct RequestParameters {
    /// True for an answer in binary tensors.
    #[serde(default, deserialize_with = "or_default")]
    pub binary_data_output: bool,
    /// Least confidence at which a keyword is accepted, from 0 to 1, instead of the model's own threshold.
    pub threshold: Option<f32>,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
pub struct InputParameters {
    /// Bytes of the tensor after the JSON.
    pub binary_data_size: Option<usize>,
    /// Sample rate of `AUDIO`, in Hz.
    pub sample_rate: Option<u32>,
}

#[derive(Deserialize, utoipa::ToSchema)]
pub struct Wanted {
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub parameters: WantedParameters,
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
pub struct WantedParameters {
    /// True for a binary tensor after the JSON.
    pub binary_data: Option<bool>,
    /// Number of likeliest labels to give of `PROBABILITIES`, as `probability:index:label`.
    pub classification: Option<usize>,
}

/// The elements of a tensor in JSON: numbers or texts.
#[derive(Default)]
pub struct Elements {
    numbers: Vec<f32>,
    texts: Vec<String>,
}

/// A request, parsed and checked.
pub struct Inference {
    pub id: Option<String>,
    pub clips: Vec<Audio>,
    pub outputs: Vec<Output>,
    pub threshold: Option<f32>,
}

fn wrong(what: impl Into<String>) -> ApiError {
    ApiError::Inference(what.into())
}

impl Inference {
    /// Reads a body: JSON, and binary tensors after it if a header gives its length.
    ///
    /// # Errors
    /// [`ApiError::Inference`] names what is wrong and what would be right.
    pub fn parse(json_len: Option<&HeaderValue>, body: &Bytes) -> Result<Self, ApiError> {
        let json_len = match json_len {
            None => body.len(),
            Some(length) => {
                let length = length.to_str().ok().and_then(|length| length.parse().ok());
                length.filter(|length| *length <= body.len()).ok_or_else(|| {
                    wrong(format!("{HEADER_LENGTH}: expected the length of the JSON, at most {}", body.len()))
                })?
            }
        };
        let (json, binary) = (&body[..json_len], body.slice(json_len..));
        let Request { id, inputs, outputs, parameters } = serde_json::from_slice(without_mark(json))
            .map_err(|error| wrong(format!("the request's JSON: {error}")))?;
        Self::check(id, inputs, &outputs, &parameters, &binary)
    }

    /// Checks the parts of a request, whose `binary` tensors come behind them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn check(
        id: Option<String>,
        inputs: Vec<Input>,
        outputs: &[Wanted],
        parameters: &RequestParameters,
        binary: &Bytes,
    ) -> Result<Self, ApiError> {
        if id.as_ref().is_some_and(|id| id.len() > LONGEST_ID) {
            return Err(wrong(format!("an id of more than {LONGEST_ID} bytes")));
        }
        let [input] = <[Input; 1]>::try_from(inputs)
            .map_err(|inputs| wrong(format!("{} inputs: expected one, AUDIO or AUDIO_FILE", inputs.len())))?;
        let &RequestParameters { binary_data_output, threshold } = parameters;
        threshold.map_or(Ok(()), check_threshold).map_err(wrong)?;
        Ok(Self { id, clips: input.clips(binary)?, outputs: wanted(outputs, binary_data_output)?, threshold })
    }
}

impl Input {
    fn clips(self, binary: &Bytes) -> Result<Vec<Audio>, ApiError> {
        let n_binary = self.parameters.binary_data_size.unwrap_or(0);
        if n_binary != binary.len() {
            return Err(wrong(format!(
                "{}: binary_data_size is {n_binary}, but {} bytes follow the JSON",
                self.name,
                binary.len()
            )));
        }
        match (self.name.as_str(), self.datatype.as_str()) {
            ("AUDIO", "FP32") => self.samples(binary),
            ("AUDIO_FILE", "BYTES") => self.files(binary),
            ("AUDIO" | "AUDIO_FILE", other) => {
                Err(wrong(format!("{} of {other}: AUDIO is FP32, AUDIO_FILE is BYTES", self.name)))
            }
            (other, _) => Err(wrong(format!("no input {other}: expected AUDIO or AUDIO_FILE"))),
        }
    }

    fn samples(self, binary: &Bytes) -> Result<Vec<Audio>, ApiError> {
        let &[n, n_samples] = self.shape.as_slice() else {
            return Err(wrong(format!("AUDIO of shape {:?}: expected [n, samples]", self.shape)));
        };
        let values = match (self.parameters.binary_data_size, self.data) {
            (Some(_), None) if binary.len().is_multiple_of(4) => {
                binary.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
            (Some(_), None) => return Err(wrong("AUDIO: expected 4 bytes a sample")),
            (None, Some(Elements { numbers, texts })) if texts.is_empty() => numbers,
            _ => return Err(wrong("AUDIO: expected numbers as `data`, or binary data")),
        };
        if n.checked_mul(n_samples) != Some(values.len() as u64) {
            return Err(wrong(format!("AUDIO of shape {:?} with {} samples", self.shape, values.len())));
        }
        if values.is_empty() {
            return Err(wrong("AUDIO: expected a recording or more, of a sample or more"));
        }
        check_number(n as usize)?;
        let rate_hz = self.parameters.sample_rate.unwrap_or(SAMPLE_RATE_HZ);
        let rows = values.chunks_exact(n_samples as usize);
        Ok(rows.map(|row| Audio::Samples { samples: row.to_vec(), rate_hz }).collect())
    }

    fn files(self, binary: &Bytes) -> Result<Vec<Audio>, ApiError> {
        let files = match (self.parameters.binary_data_size, self.data) {
            (Some(_), None) => split(binary)?,
            (None, Some(Elements { numbers, texts })) if numbers.is_empty() => {
                let decode = |text: &String| {
                    decode_base64(text)
                        .map_err(|error| wrong(format!("AUDIO_FILE: expected base64: {error}")))
                };
                texts.iter().map(decode).collect::<Result<_, _>>()?
            }
            _ => return Err(wrong("AUDIO_FILE: expected base64 strings as `data`, or binary data")),
        };
        check_number(files.len())?;
        let n = self.shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
        if n != Some(files.len() as u64) || self.shape.is_empty() {
            return Err(wrong(format!(
                "AUDIO_FILE of shape {:?} with {} recordings",
                self.shape,
                files.len()
            )));
        }
        if files.is_empty() {
            return Err(wrong("AUDIO_FILE: expected a recording or more"));
        }
        Ok(files.into_iter().map(Audio::File).collect())
    }
}

fn check_number(n: usize) -> Result<(), ApiError> {
    if n > MAX_CLIPS { Err(ApiError::TooMany { limit: MAX_CLIPS }) } else { Ok(()) }
}

/// Splits a binary tensor of BYTES into its elements, up to one too many. Each comes after its length in four bytes.
fn split(mut binary: &[u8]) -> Result<Vec<Bytes>, ApiError> {
    let mut elements = Vec::new();
    while !binary.is_empty() && elements.len() <= MAX_CLIPS {
        let element = binary
            .split_first_chunk()
            .and_then(|(len, rest)| rest.split_at_checked(u32::from_le_bytes(*len) as usize));
        let (element, rest) = element
            .ok_or_else(|| wrong("AUDIO_FILE: expected each recording after its length in 4 bytes"))?;
        elements.push(Bytes::copy_from_slice(element));
        binary = rest;
    }
    Ok(elements)
}

/// Returns the outputs that the request names, or all. None may be named twice: a short request could then ask
/// for an answer that fills the memory.
fn wanted(outputs: &[Wanted], binary: bool) -> Result<Vec<Output>, ApiError> {
    if outputs.is_empty() {
        let all = [OutputKind::Probabilities, OutputKind::Label, OutputKind::Accepted];
        return Ok(all.into_iter().map(|kind| Output { kind, binary }).collect());
    }
    let output = |Wanted { name, parameters }: &Wanted| {
        let kind = match (name.as_str(), parameters.classification) {
            ("PROBABILITIES", Some(0)) => return Err(wrong("classification counts from 1")),
            ("PROBABILITIES", Some(n)) => OutputKind::Classification(n),
            ("PROBABILITIES", None) => OutputKind::Probabilities,
            ("LABEL", None) => OutputKind::Label,
            ("ACCEPTED", None) => OutputKind::Accepted,
            ("LABEL" | "ACCEPTED", Some(_)) => {
                return Err(wrong(format!("{name} has no classification: PROBABILITIES has")));
            }
            _ => return Err(wrong(format!("no output {name}: expected PROBABILITIES, LABEL or ACCEPTED"))),
        };
        Ok(Output { kind, binary: parameters.binary_data.unwrap_or(binary) })
    };
    let mut names = HashSet::new();
    if !outputs.iter().all(|wanted| names.insert(wanted.name.as_str())) {
        return Err(wrong("outputs: expected each of PROBABILITIES, LABEL and ACCEPTED at most once"));
    }
    outputs.iter().map(output).collect()
}

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut elements = Self::default();
        deserializer.deserialize_seq(Append(&mut elements))?;
        Ok(elements)
    }
}

/// Reads a list of at most [`MOST`] elements; `null` counts as an empty one.
fn few<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Few<T>(Vec<T>);

    impl<'de, T: DeserializeOwned> Visitor<'de> for Few<T> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            write!(formatter, "a list of at most {MOST}")
        }

        fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
            Ok(self.0)
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<Vec<T>, A::Error> {
            while let Some(element) = sequence.next_element()? {
                if self.0.len() == MOST {
                    return Err(Error::invalid_length(MOST + 1, &self));
                }
                self.0.push(element);
            }
            Ok(self.0)
        }
    }

    deserializer.deserialize_any(Few(Vec::new()))
}

/// Reads a value, or the default if it is `null`.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Appends arrays, nested to any depth, to flat elements. Texts are read up to one more than a request may hold.
struct Append<'a>(&'a mut Elements);

impl<'de> Visitor<'de> for Append<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("numbers or strings, flat or nested")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.0.numbers.push(number as f32);
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.0.texts.len() <= MAX_CLIPS {
            self.0.texts.push(text.to_owned());
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element_seed(Append(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};
    use serde_json::{Value, json};

    use super::*;

    const TENSORS: [(&str, &str); 4] =
        [("AUDIO", "FP32"), ("AUDIO_FILE", "BYTES"), ("AUDIO_FILE", "FP32"), ("SOUND", "BYTES")];

    /// Elements of a tensor in JSON, or none.
    fn data() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            vec(0..3_i32, 0..6).prop_map(|numbers| json!(numbers)),
            vec(select(vec!["", "AAAA", "?"]), 0..4).prop_map(|texts| json!(texts)),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_are_split_or_refused(bytes: Vec<u8>) {
            if let Ok(elements) = split(&bytes) && elements.len() <= MAX_CLIPS {
                let n_bytes: usize = elements.iter().map(|element| 4 + element.len()).sum();
                prop_assert_eq!(n_bytes, bytes.len());
            }
        }

        #[test]
        fn a_request_is_refused_or_has_as_many_clips_as_its_shape_says(
            (name, datatype) in select(TENSORS.to_vec()),
            shape in vec(prop_oneof![9 => 0..4_u64, 1 => any::<u64>()], 0..4),
            data in data(),
            size in prop::option::of(0..13_usize),
            excess in select(vec![0, 0, 0, 1_usize]),
            bytes in vec(prop_oneof![4 => Just(0_u8), 1 => 1..3_u8], 13),
        ) {
            let input = json!({
                "name": name, "shape": shape, "datatype": datatype, "data": data,
                "parameters": {"binary_data_size": size},
            });
            let json = json!({"inputs": [input]}).to_string();
            let body = [json.as_bytes(), &bytes[..size.unwrap_or(0) + excess]].concat();
            if let Ok(inference) = Inference::parse(Some(&json.len().into()), &body.into()) {
                let n = if name == "AUDIO" { shape[0] } else { shape.iter().product() };
                prop_assert_eq!(inference.clips.len() as u64, n);
                prop_assert!(inference.clips.len() <= MAX_CLIPS);
            }
        }
    }
}
