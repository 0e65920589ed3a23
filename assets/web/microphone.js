// The microphone, open only while it is needed.

import { Refusal } from './api.js';
import { RATE } from './sound.js';

// Hands `onBlock` mono samples, 20 times a second, until `close()`; `onLost` hears that the device has gone.
export async function open(onBlock, onLost = () => {}) {
  if (!navigator.mediaDevices) throw new Refusal('insecure');
  const microphone = await navigator.mediaDevices
    .getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false } })
    .catch((error) => {
      throw new Refusal(error.name);
    });
  let context;
  const close = async () => {
    microphone.getTracks().forEach((track) => track.stop());
    await context?.close();
    context = undefined;
  };
  try {
    let source;
    [context, source] = connect(microphone, RATE) ?? connect(microphone);
    await context.resume(); // a browser may start it paused
    await context.audioWorklet.addModule('capture.js').catch(() => {
      throw new Refusal('away');
    });
    const capture = new AudioWorkletNode(context, 'capture', {
      channelCount: 1,
      channelCountMode: 'explicit', // the browser mixes to mono
    });
    capture.port.onmessage = ({ data: block }) => context && onBlock(block);
    source.connect(capture);
    capture.connect(context.destination); // silent, but without it some browsers run no capture
    microphone.getTracks().forEach((track) => track.addEventListener('ended', onLost));
    return { rate: context.sampleRate, close };
  } catch (error) {
    await close();
    throw error;
  }
}

// A context and its microphone, at `sampleRate` or the device's own; Firefox cannot change rates.
function connect(microphone, sampleRate) {
  const context = new AudioContext({ sampleRate });
  try {
    return [context, context.createMediaStreamSource(microphone)];
  } catch {
    context.close();
    return undefined;
  }
}
