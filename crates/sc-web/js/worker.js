// Detects keywords beside the page.

import { Recognizer } from './index.js';

let detector;

// What follows the loading waits for it.
onmessage = async ({ data: { port, model, options, stop } }) => {
  try {
    if (stop) {
      tell(detector.finish());
      postMessage({ state: 'ended' });
      return;
    }
    detector = (await Recognizer.load(model)).detector(options);
    let before;
    port.onmessage = ({ data: samples }) => {
      tell(detector.push(samples));
      const { latest } = detector;
      if (latest?.time_s !== before) postMessage({ latest });
      before = latest?.time_s;
    };
    postMessage({ state: 'ready' });
  } catch ({ message }) {
    postMessage({ error: message });
  }
};

function tell(detections) {
  for (const detection of detections) postMessage({ detection });
}
