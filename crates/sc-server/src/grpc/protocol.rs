//! The messages of `inference.proto`, written as prost derives them: a build then needs neither `protoc` nor generated
//! code. Fields that are not read here are left out, and prost passes over them.

use std::collections::HashMap;

use prost::{Message, Oneof};

/// A request without content.
#[derive(Clone, PartialEq, Message)]
pub struct Empty {}

/// The answer of `ServerLive`, `ServerReady` and `ModelReady`.
#[derive(Clone, PartialEq, Message)]
pub struct Yes {
    /// True if it is live, or ready.
    #[prost(bool, tag = "1")]
    pub yes: bool,
}

/// A model, and its version unless it is empty.
#[derive(Clone, PartialEq, Message)]
pub struct ModelName {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The version, or nothing.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// The answer of `ServerMetadata`.
#[derive(Clone, PartialEq, Message)]
pub struct ServerMetadata {
    /// The name of the server.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The version of the program.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Extensions of the protocol that it understands.
    #[prost(string, repeated, tag = "3")]
    pub extensions: Vec<String>,
}

/// The answer of `ModelMetadata`.
#[derive(Clone, PartialEq, Message)]
pub struct ModelMetadata {
    /// The name of the model.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The versions that are served.
    #[prost(string, repeated, tag = "2")]
    pub versions: Vec<String>,
    /// The program that runs it.
    #[prost(string, tag = "3")]
    pub platform: String,
    /// The tensors of a request.
    #[prost(message, repeated, tag = "4")]
    pub inputs: Vec<Tensor>,
    /// The tensors of an answer.
    #[prost(message, repeated, tag = "5")]
    pub outputs: Vec<Tensor>,
}

/// A tensor, in metadata, in a request or in an answer.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// `FP32`, `BYTES` or `BOOL`.
    #[prost(string, tag = "2")]
    pub datatype: String,
    /// The size in each dimension; -1 in metadata is any.
    #[prost(int64, repeated, tag = "3")]
    pub shape: Vec<i64>,
    /// Parameters such as `sample_rate`.
    #[prost(map = "string, message", tag = "4")]
    pub parameters: HashMap<String, Parameter>,
    /// The elements, if they are not raw.
    #[prost(message, optional, tag = "5")]
    pub contents: Option<Contents>,
}

/// A tensor that an answer shall hold.
#[derive(Clone, PartialEq, Message)]
pub struct Wanted {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Parameters such as `classification`.
    #[prost(map = "string, message", tag = "2")]
    pub parameters: HashMap<String, Parameter>,
}

/// The request of `ModelInfer`.
#[derive(Clone, PartialEq, Message)]
pub struct InferRequest {
    /// The model.
    #[prost(string, tag = "1")]
    pub model_name: String,
    /// Its version, or nothing.
    #[prost(string, tag = "2")]
    pub model_version: String,
    /// A name that the answer repeats.
    #[prost(string, tag = "3")]
    pub id: String,
    /// Parameters such as `threshold`.
    #[prost(map = "string, message", tag = "4")]
    pub parameters: HashMap<String, Parameter>,
    /// One tensor.
    #[prost(message, repeated, tag = "5")]
    pub inputs: Vec<Tensor>,
    /// The tensors of the answer: all if none is named.
    #[prost(message, repeated, tag = "6")]
    pub outputs: Vec<Wanted>,
    /// The elements of each input, as bytes.
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub raw_input_contents: Vec<Vec<u8>>,
}

/// The answer of `ModelInfer`.
#[derive(Clone, PartialEq, Message)]
pub struct InferResponse {
    /// The model.
    #[prost(string, tag = "1")]
    pub model_name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub model_version: String,
    /// The name of the request.
    #[prost(string, tag = "3")]
    pub id: String,
    /// The tensors, without their elements.
    #[prost(message, repeated, tag = "5")]
    pub outputs: Vec<Tensor>,
    /// The elements of each output, as bytes.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub raw_output_contents: Vec<Vec<u8>>,
}

/// One answer of `ModelStreamInfer`.
#[derive(Clone, PartialEq, Message)]
pub struct StreamInferResponse {
    /// The mistake, or nothing.
    #[prost(string, tag = "1")]
    pub error_message: String,
    /// The answer, if there is no mistake.
    #[prost(message, optional, tag = "2")]
    pub infer_response: Option<InferResponse>,
}

/// A parameter of a request or of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Parameter {
    /// Its value.
    #[prost(oneof = "Value", tags = "2, 4, 5")]
    pub value: Option<Value>,
}

/// The value of a parameter. Only numbers are read.
#[derive(Clone, PartialEq, Oneof)]
pub enum Value {
    /// A number.
    #[prost(int64, tag = "2")]
    Int64(i64),
    /// A number that need not be whole.
    #[prost(double, tag = "4")]
    Double(f64),
    /// A number that is not negative.
    #[prost(uint64, tag = "5")]
    Uint64(u64),
}

/// The elements of a tensor by their type.
#[derive(Clone, PartialEq, Message)]
pub struct Contents {
    /// Samples.
    #[prost(float, repeated, tag = "6")]
    pub fp32_contents: Vec<f32>,
    /// Audio files.
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub bytes_contents: Vec<Vec<u8>>,
}
