// WAV files of 16-bit mono PCM. Every processor that a browser runs on has their order of bytes.

export function toInt16(samples) {
  // The server divides by 32768.
  return new Int16Array(samples.map((sample) => Math.max(-32_768, Math.min(32_767, Math.round(32_768 * sample)))));
}

export const fromInt16 = (samples) => new Float32Array(samples).map((sample) => sample / 32_768);

// The samples of such a file at `rate`, or undefined if it is none. The browser reads it too, but Chromium
// divides positive samples by 32767, which shows in a spectrogram.
export function readWav(bytes, rate) {
  const view = new DataView(bytes);
  const name = (at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  if (bytes.byteLength < 12 || name(0) !== 'RIFF' || name(8) !== 'WAVE') return undefined;
  let fits = false;
  for (let at = 12; at + 8 <= bytes.byteLength;) {
    const size = view.getUint32(at + 4, true);
    if (name(at) === 'fmt ') {
      const format = [8, 10, 22].map((field) => view.getUint16(at + field, true));
      fits = format.join() === '1,1,16' && view.getUint32(at + 12, true) === rate;
    }
    if (name(at) === 'data') {
      const length = Math.min(size, bytes.byteLength - at - 8) >> 1;
      return fits ? fromInt16(new Int16Array(bytes.slice(at + 8, at + 8 + 2 * length))) : undefined;
    }
    at += 8 + size + (size % 2);
  }
  return undefined;
}

// A file of 16-bit mono PCM.
export function wav(samples, rate = 16_000) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((c, i) => view.setUint8(at + i, c.charCodeAt()));
  text(0, 'RIFF');
  view.setUint32(4, view.byteLength - 8, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true); // size of the format that follows
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a frame
  view.setUint16(34, 16, true); // bits a sample
  text(36, 'data');
  view.setUint32(40, 2 * samples.length, true);
  new Int16Array(view.buffer, 44).set(toInt16(samples));
  return new Blob([view], { type: 'audio/wav' });
}
