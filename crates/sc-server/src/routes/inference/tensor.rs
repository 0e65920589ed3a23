//! The tensors of a response.

use actix_web::{HttpResponse, http::header::CONTENT_TYPE};
use sc_data::Labels;
use sc_model::Prediction;
use serde::Serialize;

use crate::error::ApiError;

/// The header that gives the length of the JSON before binary tensors.
pub const HEADER_LENGTH: &str = "inference-header-content-length";

/// A tensor of the response.
pub struct Output {
    pub kind: OutputKind,
    /// True for a tensor after the JSON, false for one in it.
    pub binary: bool,
}

/// The content of a tensor of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// FP32 `[n, labels]`, in the order of the labels.
    Probabilities,
    /// BYTES `[n, k]`: the `k` likeliest labels, each as `probability:index:label`.
    Classification(usize),
    /// BYTES `[n]`: the likeliest label.
    Label,
    /// BOOL `[n]`: true for an accepted keyword.
    Accepted,
}

/// The elements of a tensor.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Tensor {
    Numbers(Vec<f32>),
    Texts(Vec<String>),
    Bools(Vec<bool>),
}

/// The JSON of a response.
#[derive(Serialize)]
struct Response<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<DescribedTensor>,
}

/// A tensor of the response: its elements, or the number of bytes that they take up after the JSON.
#[derive(Serialize)]
struct DescribedTensor {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinarySize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Tensor>,
}

#[derive(Serialize)]
struct BinarySize {
    binary_data_size: usize,
}

/// Writes the response: JSON, and after it the tensors that are to be binary.
///
/// # Errors
/// [`ApiError::Internal`] if the JSON cannot be written.
pub fn respond(
    model: &str,
    version: &str,
    id: Option<String>,
    labels: &Labels,
    predictions: &[Prediction],
    outputs: &[Output],
) -> Result<HttpResponse, ApiError> {
    let mut binary = Vec::new();
    let described = |Output { kind, binary: is_binary }: &Output| {
        let tensor = kind.tensor(labels, predictions);
        let (name, datatype) = (kind.name(), tensor.datatype());
        let shape = kind.shape(predictions.len(), labels.names().len());
        let before = binary.len();
        let data = if *is_binary {
            tensor.write(&mut binary);
            None
        } else {
            Some(tensor)
        };
        let parameters = is_binary.then(|| BinarySize { binary_data_size: binary.len() - before });
        DescribedTensor { name, datatype, shape, parameters, data }
    };
    let described = outputs.iter().map(described).collect();
    let json = Response { model_name: model, model_version: version, id, outputs: described };
    if !outputs.iter().any(|output| output.binary) {
        return Ok(HttpResponse::Ok().json(json));
    }
    let mut body = serde_json::to_vec(&json).map_err(ApiError::internal)?;
    let header_length = body.len();
    body.append(&mut binary);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header((HEADER_LENGTH, header_length))
        .body(body))
}

impl OutputKind {
    /// Returns the name of the tensor.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probabilities | Self::Classification(_) => "PROBABILITIES",
            Self::Label => "LABEL",
            Self::Accepted => "ACCEPTED",
        }
    }

    /// Returns the shape for `n` clips.
    pub fn shape(self, n: usize, n_labels: usize) -> Vec<usize> {
        match self {
            Self::Probabilities => vec![n, n_labels],
            Self::Classification(k) => vec![n, k.min(n_labels)],
            Self::Label | Self::Accepted => vec![n],
        }
    }

    /// Returns the elements.
    pub fn tensor(self, labels: &Labels, predictions: &[Prediction]) -> Tensor {
        let index = |label: &str| labels.index(label).unwrap_or_default();
        match self {
            Self::Probabilities => {
                let mut probabilities = vec![0.0; predictions.len() * labels.names().len()];
                let rows = probabilities.chunks_exact_mut(labels.names().len());
                for (row, prediction) in rows.zip(predictions) {
                    prediction
                        .predictions
                        .iter()
                        .for_each(|scored| row[index(&scored.label)] = scored.probability);
                }
                Tensor::Numbers(probabilities)
            }
            Self::Classification(k) => {
                let best = predictions.iter().flat_map(|prediction| prediction.predictions.iter().take(k));
                Tensor::Texts(
                    best.map(|scored| {
                        format!("{}:{}:{}", scored.probability, index(&scored.label), scored.label)
                    })
                    .collect(),
                )
            }
            Self::Label => {
                Tensor::Texts(predictions.iter().map(|prediction| prediction.label.clone()).collect())
            }
            Self::Accepted => {
                Tensor::Bools(predictions.iter().map(|prediction| prediction.accepted).collect())
            }
        }
    }
}

impl Tensor {
    /// Returns the name of the elements' type.
    pub fn datatype(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "FP32",
            Self::Texts(_) => "BYTES",
            Self::Bools(_) => "BOOL",
        }
    }

    /// Appends the elements in little-endian order, each text after its length in four bytes.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Numbers(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Texts(values) => {
                for value in values {
                    bytes.extend((value.len() as u32).to_le_bytes());
                    bytes.extend(value.as_bytes());
                }
            }
            Self::Bools(values) => bytes.extend(values.iter().map(|value| u8::from(*value))),
        }
    }
}
