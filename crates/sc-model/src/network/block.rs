//! The parts of the network: a convolution with its norm, and a residual block of two.

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Tensor, activation::relu};

use super::conv::conv;
use super::norm;
use super::parameters::{Reader, Writer};

/// Weight of a batch's mean and variance in the running ones.
const MOMENTUM: f32 = 0.1;

/// A convolution, batch norm and, if `relu` is set, `ReLU`.
#[derive(Module, Debug)]
pub struct ConvNorm {
    weight: Param<Tensor<4>>,
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    mean: RunningState<Tensor<1>>,
    variance: RunningState<Tensor<1>>,
    stride: [usize; 2],
    relu: bool,
}

impl ConvNorm {
    /// Maps `[batch, time, frequency, channel]` to the same axes; the stride divides time and frequency.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = conv(x, self.weight.val(), self.stride);
        if x.device().is_autodiff() { self.norm_by_batch(x) } else { self.norm_by_running(x) }
    }

    fn norm_by_batch(&self, x: Tensor<4>) -> Tensor<4> {
        let normed = norm::norm(x, self.gamma.val(), self.beta.val(), self.relu);
        let approach = |running: &RunningState<Tensor<1>>, now: Tensor<1>| {
            let now = now * MOMENTUM + running.value_sync() * (1.0 - MOMENTUM);
            running.update(now.detach());
        };
        approach(&self.mean, normed.mean);
        approach(&self.variance, normed.variance);
        normed.y
    }

    fn norm_by_running(&self, x: Tensor<4>) -> Tensor<4> {
        let (mean, variance) = (self.mean.value(), self.variance.value());
        let y = norm::apply(x, mean, variance, self.gamma.val(), self.beta.val());
        if self.relu { relu(y) } else { y }
    }

    pub(super) fn write(&self, writer: &mut Writer, name: &str) {
        writer.add(format!("{name}.weight"), self.weight.val());
        writer.add(format!("{name}.gamma"), self.gamma.val());
        writer.add(format!("{name}.beta"), self.beta.val());
        writer.add(format!("{name}.mean"), self.mean.value_sync());
        writer.add(format!("{name}.variance"), self.variance.value_sync());
    }
}

/// The residual block `relu(conv2(relu(conv1(x))) + skip(x))`.
#[derive(Module, Debug)]
pub struct Residual {
    conv1: ConvNorm,
    conv2: ConvNorm,
    skip: Option<ConvNorm>,
}

impl Residual {
    /// Maps `[batch, time, 1, channel]` to the same axes; the stride divides time.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.conv2.forward(self.conv1.forward(x.clone()));
        let skip = match &self.skip {
            Some(skip) => skip.forward(x),
            None => x,
        };
        relu(y + skip)
    }

    pub(super) fn write(&self, writer: &mut Writer, name: &str) {
        self.conv1.write(writer, &format!("{name}.conv1"));
        self.conv2.write(writer, &format!("{name}.conv2"));
        if let Some(skip) = &self.skip {
            skip.write(writer, &format!("{name}.skip"));
        }
    }
}

impl Reader<'_> {
    pub(super) fn conv_norm(&mut self, name: &str, stride: [usize; 2], relu: bool) -> ConvNorm {
        ConvNorm {
            weight: self.param(&format!("{name}.weight")),
            gamma: self.param(&format!("{name}.gamma")),
            beta: self.param(&format!("{name}.beta")),
            mean: RunningState::new(self.tensor(&format!("{name}.mean"))),
            variance: RunningState::new(self.tensor(&format!("{name}.variance"))),
            stride,
            relu,
        }
    }

    pub(super) fn residual(&mut self, name: &str, stride: usize, has_skip: bool) -> Residual {
        Residual {
            conv1: self.conv_norm(&format!("{name}.conv1"), [stride, 1], true),
            conv2: self.conv_norm(&format!("{name}.conv2"), [1, 1], false),
            skip: has_skip.then(|| self.conv_norm(&format!("{name}.skip"), [stride, 1], false)),
        }
    }
}
