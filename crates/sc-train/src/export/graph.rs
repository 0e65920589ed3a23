//! The nodes of an exported network.

use std::f64::consts::TAU;

use sc_data::LogMelConfig;
use sc_model::{ConvLayer, KeywordCnnConfig, NORM_EPSILON, NORM_TENSORS, Values, Weights};

use super::proto::{Attribute, FLOAT, Graph, INT64, Node, Tensor, ValueInfo};

/// A graph to which one node after another is added.
#[derive(Default)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    weights: Vec<Tensor>,
}

impl GraphBuilder {
    /// Returns the whole graph.
    pub fn build(self, name: &str, input: ValueInfo, output: Vec<ValueInfo>) -> Graph {
        Graph { node: self.nodes, name: name.into(), initializer: self.weights, input: vec![input], output }
    }

    /// Adds the way from `samples` to `log_mel`.
    ///
    /// The first convolution multiplies each frame by windowed cosines and sines, the second adds up the squares of
    /// both to the power of each mel band.
    pub fn front_end(&mut self, config: &LogMelConfig) {
        let LogMelConfig { n_fft, hop_length, n_mels, log_offset, .. } = *config;
        let (edge, n_bins, log_mel) = (n_fft / 2, n_fft / 2 + 1, config.init());
        self.sizes("channel_axis", &[1]);
        self.node("Unsqueeze", &["samples", "channel_axis"], "mono", []);
        self.sizes("edges", &[0, 0, edge, 0, 0, edge]);
        self.node("Pad", &["mono", "edges"], "padded", [Attribute::string("mode", "reflect")]);
        self.floats("fourier", &[2 * n_bins, 1, n_fft], &fourier(&log_mel.hann_window()));
        let strides = Attribute::ints("strides", &[hop_length]);
        self.node("Conv", &["padded", "fourier"], "spectrum", [strides]);
        self.node("Mul", &["spectrum", "spectrum"], "squares", []);
        // Real and imaginary parts have the same weights.
        let filters: Vec<f32> = log_mel.filter_bank().iter().flat_map(|filter| filter.repeat(2)).collect();
        self.floats("mel", &[n_mels, 2 * n_bins, 1], &filters);
        self.node("Conv", &["squares", "mel"], "power", []);
        self.floats("log_offset", &[1], &[log_offset]);
        self.node("Add", &["power", "log_offset"], "raised", []);
        self.node("Log", &["raised"], "bands", []);
        self.node("Transpose", &["bands"], "log_mel", [Attribute::ints("perm", &[0, 2, 1])]);
    }

    /// Adds the way from `log_mel` to `logits`.
    pub fn network(&mut self, config: &KeywordCnnConfig, weights: &Weights) {
        let mut layers = config.layers().into_iter();
        self.sizes("image_axis", &[1]);
        self.node("Unsqueeze", &["log_mel", "image_axis"], "image", []);
        let mut x = "image".to_owned();
        let mut n_bands = config.n_mels;
        for layer in layers.by_ref().take(config.stem.len()) {
            x = self.conv(&layer, layer.shape.kernel, weights, &x);
            n_bands = layer.shape.output()[1];
        }
        // The entry reads all channels of all bands of a frame: its kernel is as wide as the image.
        for layer in layers.by_ref().take(1) {
            x = self.conv(&layer, [1, n_bands], weights, &x);
        }
        let mut n_channels = config.entry;
        for (i, block) in config.blocks.iter().enumerate() {
            let skip = block.has_skip(n_channels).then(|| layers.next()).flatten();
            let skip =
                skip.map_or_else(|| x.clone(), |layer| self.conv(&layer, layer.shape.kernel, weights, &x));
            for layer in layers.by_ref().take(2) {
                x = self.conv(&layer, layer.shape.kernel, weights, &x);
            }
            let (sum, block_output) = (format!("blocks.{i}.sum"), format!("blocks.{i}"));
            self.node("Add", &[&x, &skip], &sum, []);
            self.node("Relu", &[&sum], &block_output, []);
            (x, n_channels) = (block_output, block.channels);
        }
        self.head(weights, &x);
    }

    /// Adds the way from `logits` to `probabilities`.
    pub fn probabilities(&mut self, temperature: f32) {
        self.floats("temperature", &[1], &[temperature]);
        self.node("Div", &["logits", "temperature"], "calibrated", []);
        self.node("Softmax", &["calibrated"], "probabilities", []); // over the last axis
    }

    /// Adds the mean over time and the linear layer.
    fn head(&mut self, weights: &Weights, x: &str) {
        for name in ["head.weight", "head.bias"] {
            let Values { shape, values } = weights.get(name);
            self.floats(name, shape, values);
        }
        self.node("GlobalAveragePool", &[x], "mean", []);
        self.node("Flatten", &["mean"], "features", []);
        self.node("Gemm", &["features", "head.weight", "head.bias"], "logits", []);
    }

    /// Adds a convolution, its norm, and `ReLU` if it follows, and returns the name of the result.
    fn conv(&mut self, layer: &ConvLayer, kernel: [usize; 2], weights: &Weights, x: &str) -> String {
        let part = |part: &str| format!("{}.{part}", layer.name);
        let shape = &layer.shape;
        let values = &weights.get(&part("weight")).values;
        let n_inputs = values.len() / (kernel[0] * kernel[1] * shape.channels);
        let dims = [shape.channels, n_inputs, kernel[0], kernel[1]];
        self.floats(&part("weight"), &dims, &outputs_first(values, kernel[0] * kernel[1], n_inputs));
        for name in NORM_TENSORS.map(part) {
            self.floats(&name, &[shape.channels], &weights.get(&name).values);
        }
        let attributes = [
            Attribute::ints("kernel_shape", &kernel),
            Attribute::ints("strides", &shape.stride),
            Attribute::ints("pads", &shape.padding().repeat(2)),
        ];
        let conv = part("conv");
        self.node("Conv", &[x, &part("weight")], &conv, attributes);
        let [gamma, beta, mean, variance] = NORM_TENSORS.map(part);
        let inputs = [&conv, &gamma, &beta, &mean, &variance].map(String::as_str);
        self.node("BatchNormalization", &inputs, &part("norm"), [Attribute::float("epsilon", NORM_EPSILON)]);
        if !layer.relu {
            return part("norm");
        }
        self.node("Relu", &[&part("norm")], &part("relu"), []);
        part("relu")
    }

    fn node<const N: usize>(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        output: &str,
        attributes: [Attribute; N],
    ) {
        self.nodes.push(Node {
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![output.into()],
            name: output.into(),
            op_type: op_type.into(),
            attribute: attributes.into(),
        });
    }

    fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, FLOAT, dims, bytes);
    }

    fn sizes(&mut self, name: &str, values: &[usize]) {
        let bytes = values.iter().flat_map(|value| (*value as i64).to_le_bytes()).collect();
        self.tensor(name, INT64, &[values.len()], bytes);
    }

    fn tensor(&mut self, name: &str, data_type: i32, dims: &[usize], raw_data: Vec<u8>) {
        let dims = dims.iter().map(|size| *size as i64).collect();
        self.weights.push(Tensor { dims, data_type, name: name.into(), raw_data });
    }
}

/// Returns the windowed cosines of all frequencies and then their sines, `[2 * n_bins, n_fft]`.
fn fourier(window: &[f32]) -> Vec<f32> {
    let n_fft = window.len();
    let wave = |k: usize, part: fn(f64) -> f64| {
        let angle = move |n: usize| TAU * (k * n % n_fft) as f64 / n_fft as f64;
        window.iter().enumerate().map(move |(n, weight)| (f64::from(*weight) * part(angle(n))) as f32)
    };
    let waves = |part: fn(f64) -> f64| (0..=n_fft / 2).flat_map(move |k| wave(k, part));
    waves(f64::cos).chain(waves(f64::sin)).collect()
}

/// Reorders `[place, input, output]` as `[output, input, place]`.
fn outputs_first(values: &[f32], n_places: usize, n_inputs: usize) -> Vec<f32> {
    let n_outputs = values.len() / (n_places * n_inputs);
    let value = |output, input, place| values[(place * n_inputs + input) * n_outputs + output];
    let inputs =
        |output| (0..n_inputs).flat_map(move |input| (0..n_places).map(move |place| (output, input, place)));
    (0..n_outputs).flat_map(inputs).map(|(output, input, place)| value(output, input, place)).collect()
}
