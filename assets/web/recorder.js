// The microphone's sound as a WAV file, at the rate it has: the server resamples it as it does
// every recording.

const SECONDS = 1.5; // the server hears the loudest second: this leaves time to begin

// Records once the microphone is allowed; `onSound(done, level)` hears how far it is and how loud.
export async function record(onSound) {
  if (!navigator.mediaDevices) throw new DOMException('', 'SecurityError');
  const microphone = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false },
  });
  const context = new AudioContext();
  try {
    await context.resume(); // a browser may start it paused
    await context.audioWorklet.addModule('capture.js');
    const capture = new AudioWorkletNode(context, 'capture', {
      channelCount: 1,
      channelCountMode: 'explicit', // the browser mixes to mono
    });
    context.createMediaStreamSource(microphone).connect(capture);
    capture.connect(context.destination); // silent, but without it some browsers run no capture
    const samples = await collect(capture.port, Math.round(SECONDS * context.sampleRate), onSound);
    return wav(samples, context.sampleRate);
  } finally {
    microphone.getTracks().forEach((track) => track.stop());
    await context.close();
  }
}

function collect(port, length, onSound) {
  const samples = new Float32Array(length);
  let filled = 0;
  return new Promise((resolve) => {
    port.onmessage = ({ data: block }) => {
      const part = block.subarray(0, length - filled);
      samples.set(part, filled);
      filled += part.length;
      onSound(filled / length, Math.max(...part.map(Math.abs)));
      if (filled === length) {
        port.onmessage = null;
        resolve(samples);
      }
    };
  });
}

// 16-bit mono PCM.
function wav(samples, rate) {
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
  samples.forEach((sample, i) => {
    view.setInt16(44 + 2 * i, 32767 * Math.max(-1, Math.min(1, sample)), true);
  });
  return new Blob([view], { type: 'audio/wav' });
}
