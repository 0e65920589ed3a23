// The microphone, open only while it is needed.

import { Refusal, yielding } from './api.js';
import { RATE } from './sound.js';

// Hands `onBlock` mono samples, 20 times a second, until `close()`; `onLost` hears that the device has gone. Until it is
// open it gives way.
export async function open(onBlock, onLost = () => {}) {
  if (!navigator.mediaDevices) throw new Refusal('insecure');
  const microphone = await allowed();
  let context;
  const close = async () => {
    release(microphone);
    await context?.close();
    context = undefined;
  };
  try {
    let source;
    [context, source] = connect(microphone, RATE) ?? connect(microphone);
    await yielding(context.resume()); // a browser may start it paused
    await yielding(context.audioWorklet.addModule('device/worklet.js').catch(() => {
      throw new Refusal('away');
    }));
    const capture = new AudioWorkletNode(context, 'speech-commands', {
      channelCount: 1,
      channelCountMode: 'explicit', // the browser mixes to mono
    });
    capture.port.onmessage = ({ data: block }) => context && onBlock(block);
    source.connect(capture);
    capture.connect(context.destination); // silent, but without it some browsers run no capture
    for (const track of microphone.getTracks()) {
      track.addEventListener('ended', onLost);
      if (track.readyState === 'ended') throw new Refusal('NotFoundError'); // no event comes any more
    }
    return { rate: context.sampleRate, close };
  } catch (error) {
    await close();
    throw error;
  }
}

// The microphone, once its user allows it.
async function allowed() {
  const asked = navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false } });
  try {
    return await yielding(asked);
  } catch (error) {
    asked.then(release, () => {}); // it may be allowed later
    throw error instanceof Refusal ? error : new Refusal(error.name);
  }
}

const release = (microphone) => microphone.getTracks().forEach((track) => track.stop());

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
