//! A record as an ONNX file, for any other runtime.
//!
//! The graph is the record layer by layer, with the record's names: convolution, batch norm, `ReLU`. Runtimes fold the
//! norms themselves. Only operators that every runtime has are used; the front end is two convolutions.

mod graph;
mod proto;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::ValueEnum;
use prost::Message;
use sc_data::N_SAMPLES;
use sc_model::{Header, Record};

use graph::GraphBuilder;
use proto::{Entry, IR_VERSION, Model, OPSET, OperatorSet, ValueInfo};

/// The input of an exported network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Input {
    /// `samples`, `[batch, 16000]`: a second of 16 kHz mono in [-1, 1]. Outputs are `probabilities` and `logits`.
    Samples,
    /// `log_mel`, `[batch, n_frames, n_mels]`: the spectrogram by the record's front end. The output is `logits`.
    Features,
}

/// Returns the bytes of an ONNX file that computes what the record does, for batches of any size.
///
/// Its metadata hold `labels`, `threshold` and `temperature`, as JSON, and `log_mel`, the settings of the front end.
pub fn to_onnx(record: &Record, from: Input) -> Vec<u8> {
    let Header { labels, log_mel, network, .. } = &record.header;
    let n_labels = labels.names().len();
    let mut graph = GraphBuilder::default();
    let mut output = vec![ValueInfo::batch_of("logits", &[n_labels])];
    let input = match from {
        Input::Samples => {
            graph.front_end(log_mel);
            ValueInfo::batch_of("samples", &[N_SAMPLES])
        }
        Input::Features => ValueInfo::batch_of("log_mel", &[network.n_frames, network.n_mels]),
    };
    graph.network(network, &record.weights);
    if from == Input::Samples {
        graph.probabilities(record.header.temperature);
        output.insert(0, ValueInfo::batch_of("probabilities", &[n_labels]));
    }
    let model = Model {
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph.build("speech-commands", input, output)),
        opset_import: vec![OperatorSet { version: OPSET }],
        metadata_props: metadata(&record.header),
        ..beginning()
    };
    model.encode_to_vec()
}

/// Returns true if a file begins as [`to_onnx`] begins one.
pub(crate) fn is_exported(file: &Path) -> bool {
    let expected = beginning().encode_to_vec();
    let mut found = vec![0; expected.len()];
    File::open(file).and_then(|mut file| file.read_exact(&mut found)).is_ok() && found == expected
}

/// The first fields of a file, before that of the release. Fields are written in the order of their tags.
fn beginning() -> Model {
    Model { ir_version: IR_VERSION, producer_name: "sc-train".into(), ..Model::default() }
}

fn metadata(header: &Header) -> Vec<Entry> {
    let entry = |key: &str, value: String| Entry { key: key.into(), value };
    vec![
        entry("labels", serde_json::json!(header.labels).to_string()),
        entry("threshold", header.threshold.to_string()),
        entry("temperature", header.temperature.to_string()),
        entry("log_mel", serde_json::json!(header.log_mel).to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported(from: Input) -> Model {
        Model::decode(to_onnx(&Record::shipped().unwrap(), from).as_slice()).unwrap()
    }

    #[test]
    fn every_value_is_made_before_it_is_used_and_only_once() {
        for from in [Input::Samples, Input::Features] {
            let graph = exported(from).graph.unwrap();
            let weights = graph.initializer.iter().map(|tensor| &tensor.name);
            let mut known: Vec<&String> =
                weights.chain(graph.input.iter().map(|input| &input.name)).collect();
            for node in &graph.node {
                assert!(node.input.iter().all(|name| known.contains(&name)), "{node:?}");
                assert!(!node.output.iter().any(|name| known.contains(&name)), "{node:?}");
                known.extend(&node.output);
            }
            assert!(graph.output.iter().all(|output| known.contains(&&output.name)), "{:?}", graph.output);
        }
    }

    #[test]
    fn every_tensor_has_as_many_numbers_as_its_shape_says() {
        for tensor in exported(Input::Samples).graph.unwrap().initializer {
            let size = if tensor.data_type == proto::INT64 { 8 } else { 4 };
            let n_values: i64 = tensor.dims.iter().product();
            assert_eq!(tensor.raw_data.len() as i64, n_values * size, "{}", tensor.name);
        }
    }

    #[test]
    fn the_metadata_hold_what_an_answer_needs_besides_the_logits() {
        let header = Record::shipped().unwrap().header;
        let metadata = exported(Input::Features).metadata_props;
        let value = |key: &str| &metadata.iter().find(|entry| entry.key == key).unwrap().value;
        assert_eq!(serde_json::from_str::<Vec<String>>(value("labels")).unwrap(), header.labels.names());
        assert_eq!(value("threshold").parse(), Ok(header.threshold));
        assert_eq!(value("temperature").parse(), Ok(header.temperature));
    }
}
