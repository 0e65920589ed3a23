//! The answers of the protocol, from the same parts as those in JSON.

use std::collections::HashMap;

use actix_web::web::Bytes;
use prost::Message;

use super::protocol::{
    Contents, InferRequest, InferResponse, ModelMetadata, ModelName, Parameter, ServerMetadata, Tensor,
    Value, Wanted, Yes,
};
use crate::{
    error::ApiError,
    places::Place,
    routes::inference::{
        Described, EXTENSIONS, Inference, Input, InputParameters, NAME, Named, PLATFORM, RequestParameters,
        VERSION, WantedParameters, inputs, outputs, predictions,
    },
    state::AppState,
    upload,
};

/// Answers `ServerMetadata`.
pub fn server() -> ServerMetadata {
    ServerMetadata {
        name: NAME.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        extensions: EXTENSIONS.map(Into::into).to_vec(),
    }
}

/// Answers `ModelReady`: not while the server stops, as `ServerReady`.
pub fn ready(state: &AppState, model: ModelName) -> Result<Yes, ApiError> {
    named(model.name, model.version).check(&state.name)?;
    Ok(Yes { yes: !state.lifecycle.is_stopping() })
}

/// Answers `ModelMetadata`.
pub fn metadata(state: &AppState, model: ModelName) -> Result<ModelMetadata, ApiError> {
    named(model.name, model.version).check(&state.name)?;
    let tensor = |(name, datatype, shape): Described| Tensor {
        name: name.into(),
        datatype: datatype.into(),
        shape,
        ..Tensor::default()
    };
    let n_labels = state.model.current().header().labels.names().len();
    Ok(ModelMetadata {
        name: state.name.clone(),
        versions: vec![VERSION.into()],
        platform: PLATFORM.into(),
        inputs: inputs().map(tensor).to_vec(),
        outputs: outputs(n_labels).map(tensor).to_vec(),
    })
}

/// Answers `ModelInfer`.
pub async fn infer(
    state: &AppState,
    place: Place,
    mut request: InferRequest,
) -> Result<InferResponse, ApiError> {
    let (name, version) =
        (std::mem::take(&mut request.model_name), std::mem::take(&mut request.model_version));
    named(name, version).check(&state.name)?;
    let parsed = upload::parse(state, &place, request.encoded_len(), move || parse(request)).await?;
    let Inference { id, clips, outputs, threshold } = parsed;
    let (classifier, answers) = state.recogniser.classify_all(place, clips, threshold).await?;
    let labels = &classifier.header().labels;
    let predictions = predictions(answers)?;
    let mut response = InferResponse {
        model_name: state.name.clone(),
        model_version: VERSION.into(),
        id: id.unwrap_or_default(),
        ..InferResponse::default()
    };
    for kind in outputs.iter().map(|output| output.kind) {
        let elements = kind.tensor(labels, &predictions);
        let sizes = kind.shape(predictions.len(), labels.names().len());
        response.outputs.push(Tensor {
            name: kind.name().into(),
            datatype: elements.datatype().into(),
            shape: sizes.into_iter().map(|size| size as i64).collect(),
            ..Tensor::default()
        });
        let mut bytes = Vec::new();
        elements.write(&mut bytes);
        response.raw_output_contents.push(bytes);
    }
    Ok(response)
}

fn named(model: String, version: String) -> Named {
    Named { model, version: Some(version).filter(|version| !version.is_empty()) }
}

/// Returns the request as it would be in JSON, with a binary tensor behind.
fn parse(request: InferRequest) -> Result<Inference, ApiError> {
    let InferRequest { id, parameters, inputs, outputs, raw_input_contents, .. } = request;
    let parameters = RequestParameters { binary_data_output: true, threshold: threshold(&parameters)? };
    let n_inputs = inputs.len();
    let mut raw = raw_input_contents.into_iter();
    let mut binary = Bytes::new();
    let mut input = |tensor: Tensor| -> Result<Input, ApiError> {
        binary = raw.next().unwrap_or_else(|| tensor.contents.map(bytes).unwrap_or_default()).into();
        Ok(Input {
            name: tensor.name,
            // A size below 0 is too large for any data.
            shape: tensor.shape.into_iter().map(|size| u64::try_from(size).unwrap_or(u64::MAX)).collect(),
            datatype: tensor.datatype,
            parameters: InputParameters {
                binary_data_size: Some(binary.len()),
                sample_rate: number(&tensor.parameters, "sample_rate")?,
            },
            data: None,
        })
    };
    let inputs = inputs.into_iter().map(&mut input).collect::<Result<_, _>>()?;
    if raw.next().is_some() {
        return Err(ApiError::Inference(format!("more raw_input_contents than the {n_inputs} inputs")));
    }
    let wanted = |Wanted { name, parameters }: Wanted| {
        let classification = number(&parameters, "classification")?;
        let parameters = WantedParameters { binary_data: None, classification };
        Ok(crate::routes::inference::Wanted { name, parameters })
    };
    let outputs: Vec<_> = outputs.into_iter().map(wanted).collect::<Result<_, ApiError>>()?;
    Inference::check(Some(id), inputs, &outputs, &parameters, &binary)
}

/// Returns the elements as they are in raw contents.
fn bytes(contents: Contents) -> Vec<u8> {
    let Contents { fp32_contents, bytes_contents } = contents;
    let mut bytes: Vec<u8> = fp32_contents.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    for file in bytes_contents {
        bytes.extend((file.len() as u32).to_le_bytes());
        bytes.extend(file);
    }
    bytes
}

/// Returns the threshold in the parameters of a request, if it is there.
fn threshold(parameters: &HashMap<String, Parameter>) -> Result<Option<f32>, ApiError> {
    let Some(Parameter { value }) = parameters.get("threshold") else { return Ok(None) };
    match *value {
        Some(Value::Double(threshold)) => Ok(Some(threshold as f32)),
        Some(Value::Int64(threshold)) => Ok(Some(threshold as f32)),
        Some(Value::Uint64(threshold)) => Ok(Some(threshold as f32)),
        None => Err(ApiError::Inference("threshold: expected a number from 0 to 1".into())),
    }
}

/// Returns the whole number in the parameter `name`, if it is there.
fn number<T: TryFrom<i64> + TryFrom<u64>>(
    parameters: &HashMap<String, Parameter>,
    name: &str,
) -> Result<Option<T>, ApiError> {
    let Some(Parameter { value }) = parameters.get(name) else { return Ok(None) };
    let number = match *value {
        Some(Value::Int64(number)) => T::try_from(number).ok(),
        Some(Value::Uint64(number)) => T::try_from(number).ok(),
        Some(Value::Double(_)) | None => None,
    };
    let refused = || ApiError::Inference(format!("{name}: expected a whole number, 0 or more"));
    Ok(Some(number.ok_or_else(refused)?))
}
