// The log-mel spectrogram of a second, as the network sees it: the same definition as `LogMel` of
// sc-data, whose golden values it is tested against.

const N_FFT = 512;
const WIN_LENGTH = 480;
const HOP_LENGTH = 160;
const LOG_OFFSET = 1e-6;
const RATE = 16_000; // Hz
export const N_MELS = 40;
export const N_FRAMES = RATE / HOP_LENGTH + 1;

const N_BINS = N_FFT / 2 + 1;

// The periodic Hann window, centred between zeros.
const WINDOW = Float64Array.from({ length: N_FFT }, (_, i) => {
  const n = i - (N_FFT - WIN_LENGTH) / 2;
  return n >= 0 && n < WIN_LENGTH ? Math.sin((Math.PI * n) / WIN_LENGTH) ** 2 : 0;
});

const FILTERS = filterBank();

// Triangles evenly spaced on HTK's mel scale, each a list of `[bin, weight]`.
function filterBank() {
  const topMel = 2595 * Math.log10(1 + RATE / 2 / 700);
  const cornerHz = (i) => 700 * (10 ** ((topMel * i) / (N_MELS + 1) / 2595) - 1);
  return Array.from({ length: N_MELS }, (_, band) => {
    const [left, centre, right] = [band, band + 1, band + 2].map(cornerHz);
    return Array.from({ length: N_BINS }, (_, bin) => {
      const hz = (bin * RATE) / N_FFT;
      return [bin, Math.min((hz - left) / (centre - left), (right - hz) / (right - centre))];
    }).filter(([, weight]) => weight > 0);
  });
}

// `N_FRAMES` rows of `N_MELS` values: natural log of mel power + 1e-6. Frames are centred, edges
// reflected.
export function logMel(second) {
  const at = (i) => second[i < 0 ? -i : i < RATE ? i : 2 * (RATE - 1) - i];
  return Array.from({ length: N_FRAMES }, (_, frame) => {
    const first = frame * HOP_LENGTH - N_FFT / 2;
    const power = spectrum(WINDOW.map((weight, i) => weight * at(first + i)));
    return FILTERS.map((filter) =>
      Math.log(filter.reduce((sum, [bin, weight]) => sum + weight * power[bin], LOG_OFFSET)));
  });
}

// The power of each bin, by a Fourier transform of radix 2 in place.
function spectrum(real) {
  const imaginary = new Float64Array(N_FFT);
  for (let i = 1, j = 0; i < N_FFT; i += 1) {
    let bit = N_FFT >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit; // `i` with its bits reversed
    if (i < j) [real[i], real[j]] = [real[j], real[i]];
  }
  for (let size = 2; size <= N_FFT; size *= 2) {
    for (let k = 0; k < size / 2; k += 1) {
      const angle = (-2 * Math.PI * k) / size;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let i = k; i < N_FFT; i += size) {
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
  return Float64Array.from({ length: N_BINS }, (_, bin) => real[bin] ** 2 + imaginary[bin] ** 2);
}
