// The log-mel spectrogram of a second, as the network sees it: the same definition as `LogMel` of
// sc-data, whose golden values it is tested against.

import { RATE } from './sound.js';

// Rows of `n_mels` values, one for each frame: the natural log of mel power + `log_offset`. Frames are
// centred, edges reflected. The settings are the record's: `log_mel` of `GET /info`.
export function logMel(second, { n_fft, win_length, hop_length, n_mels, log_offset }) {
  const at = (i) => second[i < 0 ? -i : i < RATE ? i : 2 * (RATE - 1) - i];
  const window = hann(win_length, n_fft);
  const filters = filterBank(n_fft, n_mels);
  return Array.from({ length: Math.floor(RATE / hop_length) + 1 }, (_, frame) => {
    const first = frame * hop_length - n_fft / 2;
    const power = spectrum(window.map((weight, i) => weight * at(first + i)));
    return filters.map((filter) =>
      Math.log(filter.reduce((sum, [bin, weight]) => sum + weight * power[bin], log_offset)));
  });
}

// The periodic Hann window, centred between zeros.
function hann(length, nFft) {
  const start = Math.floor((nFft - length) / 2);
  return Float64Array.from({ length: nFft }, (_, i) => {
    const n = i - start;
    return n >= 0 && n < length ? Math.sin((Math.PI * n) / length) ** 2 : 0;
  });
}

// Triangles evenly spaced on HTK's mel scale, each a list of `[bin, weight]`.
function filterBank(nFft, nMels) {
  const topMel = 2595 * Math.log10(1 + RATE / 2 / 700);
  const cornerHz = (i) => 700 * (10 ** ((topMel * i) / (nMels + 1) / 2595) - 1);
  return Array.from({ length: nMels }, (_, band) => {
    const [left, centre, right] = [band, band + 1, band + 2].map(cornerHz);
    return Array.from({ length: nFft / 2 + 1 }, (_, bin) => {
      const hz = (bin * RATE) / nFft;
      return [bin, Math.min((hz - left) / (centre - left), (right - hz) / (right - centre))];
    }).filter(([, weight]) => weight > 0);
  });
}

// The power of each bin, by a Fourier transform of radix 2 in place.
function spectrum(real) {
  const n = real.length;
  const imaginary = new Float64Array(n);
  for (let i = 1, j = 0; i < n; i += 1) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit; // `i` with its bits reversed
    if (i < j) [real[i], real[j]] = [real[j], real[i]];
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let k = 0; k < size / 2; k += 1) {
      const angle = (-2 * Math.PI * k) / size;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let i = k; i < n; i += size) {
        const j = i + size / 2;
        const re = real[j] * cos - imaginary[j] * sin;
        const im = real[j] * sin + imaginary[j] * cos;
        real[j] = real[i] - re;
        imaginary[j] = imaginary[i] - im;
        real[i] += re;
        imaginary[i] += im;
      }
    }
  }
  return Float64Array.from({ length: n / 2 + 1 }, (_, bin) => real[bin] ** 2 + imaginary[bin] ** 2);
}
