// Detects keywords beside the page.

import { Recognizer } from './index.js';

onmessage = async ({ data: { port, model, options } }) => {
  try {
    const detector = (await Recognizer.load(model)).detector(options);
    port.onmessage = ({ data }) => trying(() => hear(detector, data));
    postMessage({ state: 'ready' });
  } catch ({ message }) {
    postMessage({ error: message });
  }
};

let before; // the time of the newest score

// Takes the next samples, or the word that there are no more.
function hear(detector, samples) {
  if (samples === 'end') {
    tell(detector.finish());
    postMessage({ state: 'ended' });
    return;
  }
  tell(detector.push(samples));
  const { latest } = detector;
  if (latest?.time_s !== before) postMessage({ latest });
  before = latest?.time_s;
}

function tell(detections) {
  for (const detection of detections) postMessage({ detection });
}

function trying(work) {
  try {
    work();
  } catch ({ message }) {
    postMessage({ error: message });
  }
}
