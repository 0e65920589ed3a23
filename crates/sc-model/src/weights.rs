//! A network's tensors by name, in plain memory.

use std::collections::{BTreeMap, HashMap};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sc_data::Labels;

use crate::{Error, KeywordCnnConfig};

/// The tensors of the linear layer: `[n_features, n_labels]` and `[n_labels]`.
const HEAD: [&str; 2] = ["head.weight", "head.bias"];

/// The tensors of a head that tells words apart during training.
pub(crate) const WORD_HEAD: [&str; 2] = ["words.weight", "words.bias"];

/// The tensors of the space in which words are compared, see [`WordSpace`](crate::words::WordSpace).
pub(crate) const WORD_MEAN: &str = "words.mean";
pub(crate) const WORD_PROJECTION: &str = "words.projection";
pub(crate) const WORD_BANK: &str = "words.bank";
pub(crate) const WORD_TAUGHT: &str = "words.taught";

/// Suffix of the tensor that says, for each column of an eight-bit tensor, what a number stands for.
const UNITS: &str = ".units";

/// Largest eight-bit number.
const LARGEST: i8 = 127;

/// One tensor of 32-bit floats, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Size along each axis.
    pub shape: Vec<usize>,
    /// The numbers, row-major: as many as `shape` says.
    pub values: Vec<f32>,
}

impl Values {
    /// Returns, for each column, the number that one stands for in eight bits.
    fn units(&self) -> Vec<f32> {
        // With 16 bits, 127 of them are a float too: what is rounded once stays as it is.
        let round_up = |unit: f32| f32::from_bits((unit.to_bits() + 0xff) & !0xff);
        let n_columns = self.shape.last().copied().unwrap_or(1).max(1);
        column_units(&self.values, n_columns, LARGEST).into_iter().map(round_up).collect()
    }

    /// Rounds to multiples of each column's unit.
    fn eight_bits(&self, units: &[f32]) -> impl Iterator<Item = i8> {
        self.values.iter().zip(units.iter().cycle()).map(|(value, unit)| (value / unit).round() as i8)
    }
}

/// Returns, for each column, the number that one must stand for, so that no value is beyond `most`.
pub(crate) fn column_units(values: &[f32], n_columns: usize, most: i8) -> Vec<f32> {
    let mut largest = vec![f32::MIN_POSITIVE; n_columns];
    for row in values.chunks_exact(n_columns) {
        largest.iter_mut().zip(row).for_each(|(largest, value)| *largest = largest.max(value.abs()));
    }
    largest.into_iter().map(|largest| largest / f32::from(most)).collect()
}

/// True if a tensor is stored in eight bits where weights are: one number of it weighs little.
fn is_large(name: &str) -> bool {
    name.ends_with(".weight") || [WORD_PROJECTION, WORD_BANK].contains(&name)
}

/// A network's tensors by name, as [`KeywordCnnConfig::tensors`] lists them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(BTreeMap<String, Values>);

impl Weights {
    /// Returns weights to begin training with. The same seed gives the same weights on every backend.
    ///
    /// The weights of a convolution are normal with variance 2 / (inputs of a place), which keeps the scale
    /// through `ReLU` (He et al., arXiv:1502.01852). Those of the linear layer have variance 1 / inputs. The
    /// last norm of each block is zero, so that a block begins as the identity (Goyal et al.,
    /// arXiv:1706.02677).
    pub fn random(config: &KeywordCnnConfig, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut weights = Self::default();
        for (name, shape) in config.tensors() {
            let n_values = shape.iter().product();
            let n_inputs = (n_values / shape[shape.len() - 1]) as f32;
            let values = match name.rsplit('.').next() {
                Some("weight") if name.starts_with("head") => normal(&mut rng, n_values, n_inputs.recip()),
                Some("weight") => normal(&mut rng, n_values, 2.0 / n_inputs),
                Some("gamma") if name.ends_with("conv2.gamma") => vec![0.0; n_values],
                Some("gamma" | "variance") => vec![1.0; n_values],
                _ => vec![0.0; n_values],
            };
            weights.insert(name, Values { shape, values });
        }
        weights
    }

    /// Returns the mean of several weights of one network. It is often better than each of them, if they come from trainings
    /// that began alike (Wortsman et al., arXiv:2203.05482).
    ///
    /// # Errors
    /// The text names a tensor that the others do not have in the same shape.
    pub fn mean(first: &Self, others: &[&Self]) -> Result<Self, String> {
        let mut mean = first.clone();
        let share = (1.0 + others.len() as f32).recip();
        for (name, tensor) in &mut mean.0 {
            for other in others {
                let same = other.0.get(name).filter(|other| other.shape == tensor.shape);
                let same =
                    same.ok_or_else(|| format!("`{name}` is not in all of them, or of another shape"))?;
                tensor.values.iter_mut().zip(&same.values).for_each(|(sum, value)| *sum += value);
            }
            tensor.values.iter_mut().for_each(|sum| *sum *= share);
        }
        Ok(mean)
    }

    /// Adds a head that tells `n_words` words apart during training, or begins it anew.
    pub fn add_word_head(&mut self, config: &KeywordCnnConfig, n_words: usize, seed: u64) {
        let n_inputs = 2 * config.n_word_channels(); // the means of both halves of a second
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values = normal(&mut rng, n_inputs * n_words, (n_inputs as f32).recip());
        self.insert(WORD_HEAD[0].into(), Values { shape: vec![n_inputs, n_words], values });
        self.insert(WORD_HEAD[1].into(), Values { shape: vec![n_words], values: vec![0.0; n_words] });
    }

    /// The weights without that head: those of a record.
    #[must_use]
    pub fn without_word_head(&self) -> Self {
        let mut weights = self.clone();
        weights.0.retain(|name, _| !WORD_HEAD.contains(&name.as_str()));
        weights
    }

    /// Gives the head other labels: those that it knows keep their weights, the others begin anew.
    ///
    /// `known` are the labels of these weights, `wanted` those of `network`.
    pub fn relabel(&mut self, known: &[String], wanted: &Labels, network: &KeywordCnnConfig, seed: u64) {
        let mut head = Self::random(network, seed);
        for name in HEAD {
            let (Some(from), Some(mut to)) = (self.remove(name), head.remove(name)) else { continue };
            let n_wanted = wanted.names().len();
            for (column, label) in wanted.names().iter().enumerate() {
                let Some(kept) = known.iter().position(|name| name == label) else { continue };
                let values = from.values.iter().skip(kept).step_by(known.len());
                let places = to.values.iter_mut().skip(column).step_by(n_wanted);
                places.zip(values).for_each(|(place, value)| *place = *value);
            }
            self.insert(name.into(), to);
        }
    }

    /// True if there is a tensor of that name.
    #[cfg(feature = "flex")]
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: String, tensor: Values) {
        self.0.insert(name, tensor);
    }

    /// Removes the tensor of this name, if there is one.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Values> {
        self.0.remove(name)
    }

    /// Returns the tensor of this name.
    ///
    /// # Panics
    /// If there is none. Weights are checked against their network when they are read.
    pub fn get(&self, name: &str) -> &Values {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor named {name}"))
    }

    /// Returns all tensors, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Values)> {
        self.0.iter()
    }

    /// Returns the number of values in all tensors.
    pub fn n_values(&self) -> usize {
        self.0.values().map(|tensor| tensor.values.len()).sum()
    }

    /// Rounds large tensors to what eight bits hold.
    pub(crate) fn round(&mut self) {
        for (_, tensor) in self.0.iter_mut().filter(|(name, _)| is_large(name)) {
            let units = tensor.units();
            let rounded = tensor.eight_bits(&units).zip(units.iter().cycle());
            tensor.values = rounded.map(|(number, unit)| f32::from(number) * unit).collect();
        }
    }

    /// Parses the bytes of a safetensors file with tensors of 32-bit floats, or of eight bits and their units.
    ///
    /// # Errors
    /// [`Error::Record`] if the bytes are no such file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| not_safetensors(&error))?;
        let mut weights = Self::default();
        let mut in_eight_bits = Vec::new();
        for (name, tensor) in file.tensors() {
            let values = match tensor.dtype() {
                Dtype::F32 => {
                    tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
                }
                Dtype::I8 => {
                    in_eight_bits.push(name.clone());
                    tensor.data().iter().map(|byte| f32::from(byte.cast_signed())).collect()
                }
                other => {
                    return Err(Error::record(format!("tensor `{name}` is {other:?}: expected F32 or I8")));
                }
            };
            weights.insert(name, Values { shape: tensor.shape().to_vec(), values });
        }
        in_eight_bits.iter().try_for_each(|name| weights.multiply_by_units(name))?;
        Ok(weights)
    }

    /// Multiplies a tensor by its units, and removes them.
    fn multiply_by_units(&mut self, name: &str) -> Result<(), Error> {
        let units = self.remove(&format!("{name}{UNITS}"));
        let Some(tensor) = self.0.get_mut(name) else { return Ok(()) };
        let n_columns = tensor.shape.last().copied().unwrap_or_default();
        let units = units.filter(|units| units.shape == [n_columns]).ok_or_else(|| {
            Error::record(format!(
                "tensor `{name}` is I8: expected a tensor `{name}{UNITS}` of {n_columns} numbers"
            ))
        })?;
        let pairs = tensor.values.iter_mut().zip(units.values.iter().cycle());
        pairs.for_each(|(value, unit)| *value *= unit);
        Ok(())
    }

    /// Returns the bytes of a safetensors file.
    ///
    /// # Errors
    /// [`Error::Record`] if a tensor's shape does not fit its numbers.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        self.to_bytes_with(None, false)
    }

    /// Returns the bytes of a safetensors file with metadata, with large tensors in eight bits if `in_eight_bits`.
    pub(crate) fn to_bytes_with(
        &self,
        metadata: Option<HashMap<String, String>>,
        in_eight_bits: bool,
    ) -> Result<Vec<u8>, Error> {
        let floats = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for (name, tensor) in &self.0 {
            let shape = tensor.shape.clone();
            if in_eight_bits && is_large(name) {
                let units = tensor.units();
                let bytes = tensor.eight_bits(&units).map(i8::cast_unsigned).collect();
                tensors.push((name.clone(), Dtype::I8, shape, bytes));
                tensors.push((format!("{name}{UNITS}"), Dtype::F32, vec![units.len()], floats(&units)));
            } else {
                tensors.push((name.clone(), Dtype::F32, shape, floats(&tensor.values)));
            }
        }
        let views = tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)));
        let views = views.collect::<Result<Vec<_>, _>>();
        views
            .and_then(|views| safetensors::serialize(views, metadata))
            .map_err(|error| Error::record(error.to_string()))
    }

    /// Checks that these are exactly the tensors of `config`, with numbers that a network can hold.
    ///
    /// # Errors
    /// [`Error::Record`] names the first tensor that is missing, that is extra, that has another shape, or that
    /// holds a number that is not finite or a variance below 0.
    pub fn check(&self, config: &KeywordCnnConfig) -> Result<(), Error> {
        let expected = config.tensors();
        if let Some(extra) = self.0.keys().find(|name| expected.iter().all(|(expected, _)| expected != *name))
        {
            return Err(Error::record(format!("an extra tensor `{extra}`")));
        }
        for (name, shape) in expected {
            let tensor = self.0.get(&name).ok_or_else(|| Error::record(format!("no tensor `{name}`")))?;
            if tensor.shape != shape {
                let reason = format!("tensor `{name}` is {:?}: expected {shape:?}", tensor.shape);
                return Err(Error::record(reason));
            }
            let negative_variance =
                name.ends_with(".variance") && tensor.values.iter().any(|value| *value < 0.0);
            if negative_variance || tensor.values.iter().any(|value| !value.is_finite()) {
                return Err(Error::record(format!("tensor `{name}` holds a number that cannot be")));
            }
        }
        Ok(())
    }

    /// Moves every number towards `other`'s by the share `rate`: an exponential moving average.
    pub fn approach(&mut self, other: &Self, rate: f32) {
        for (name, tensor) in &mut self.0 {
            let target = &other.get(name).values;
            for (value, target) in tensor.values.iter_mut().zip(target) {
                *value += rate * (target - *value);
            }
        }
    }
}

pub(crate) fn not_safetensors(error: &safetensors::SafeTensorError) -> Error {
    Error::record(format!("not a safetensors file ({error})"))
}

/// Draws numbers from a normal distribution of mean 0 (Box and Muller 1958).
fn normal(rng: &mut impl Rng, n_values: usize, variance: f32) -> Vec<f32> {
    let draw = |_| {
        let (u, v): (f32, f32) = (rng.random(), rng.random());
        (-2.0 * variance * (1.0 - u).ln()).sqrt() * (std::f32::consts::TAU * v).cos()
    };
    (0..n_values).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_weights_are_those_of_their_seed_and_network() {
        let config = KeywordCnnConfig::new(101, 40, 12);
        let weights = Weights::random(&config, 3);
        assert_eq!(weights, Weights::random(&config, 3));
        assert_ne!(weights, Weights::random(&config, 4));
        weights.check(&config).unwrap();
        let values = &weights.get("blocks.0.conv1.weight").values;
        let variance = values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
        assert!((variance * 384.0 / 2.0 - 1.0).abs() < 0.05, "2 / 384 expected, got {variance}");
    }

    #[test]
    fn a_network_of_one_block_has_a_head_for_words_behind_it() {
        let mut config = KeywordCnnConfig::new(101, 40, 12);
        config.blocks.truncate(1);
        let mut weights = Weights::random(&config, 1);
        weights.add_word_head(&config, 5, 1);
        assert_eq!(weights.get(WORD_HEAD[0]).shape, [2 * config.blocks[0].channels, 5]);
    }

    #[test]
    fn a_mean_lies_between_weights_of_one_network_and_there_is_none_of_two() {
        let config = KeywordCnnConfig::new(101, 40, 3);
        let [first, second] = [1, 2].map(|seed| Weights::random(&config, seed));
        assert_eq!(Weights::mean(&first, &[]), Ok(first.clone()));
        let mean = Weights::mean(&first, &[&second]).unwrap();
        mean.check(&config).unwrap();
        let value = |weights: &Weights| weights.get("head.weight").values[7];
        assert!((value(&mean) - f32::midpoint(value(&first), value(&second))).abs() < 1e-6);
        let other = Weights::random(&KeywordCnnConfig::new(101, 40, 4), 1);
        assert!(Weights::mean(&first, &[&other]).unwrap_err().contains("`head.bias`"));
    }

    #[test]
    fn other_labels_keep_what_is_known_of_them_and_the_rest_of_the_network() {
        let labels = |names: [&str; 3]| Labels::try_from(names.map(str::to_owned).to_vec()).unwrap();
        let (known, wanted) = (labels(["yes", "no", "other"]), labels(["other", "lamp", "yes"]));
        let config = KeywordCnnConfig::new(101, 40, 3);
        let first = Weights::random(&config, 1);
        let mut weights = first.clone();
        weights.relabel(known.names(), &known, &config, 2);
        assert_eq!(weights, first);
        weights.relabel(known.names(), &wanted, &config, 2);
        weights.check(&config).unwrap();
        let column = |weights: &Weights, i: usize| -> Vec<f32> {
            weights.get("head.weight").values.chunks_exact(3).map(|row| row[i]).collect()
        };
        assert_eq!(column(&weights, 0), column(&first, 2));
        assert_eq!(column(&weights, 2), column(&first, 0));
        assert_eq!(column(&weights, 1), column(&Weights::random(&config, 2), 1));
        assert_eq!(weights.get("entry.weight"), first.get("entry.weight"));
    }

    #[test]
    fn an_average_approaches_what_it_follows() {
        let config = KeywordCnnConfig::new(101, 40, 12);
        let (mut average, target) = (Weights::random(&config, 1), Weights::random(&config, 2));
        average.approach(&target, 1.0);
        let distances =
            average.iter().zip(target.iter()).flat_map(|((_, a), (_, b))| a.values.iter().zip(&b.values));
        assert!(distances.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-6);
    }
}
