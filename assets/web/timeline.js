// Sound over time with the commands found in it: a long recording, or what is being listened to.

import { $, element, prepend, refill } from './dom.js';
import { languageOf, number, percent, say } from './language.js';
import { drawSound, nBars } from './picture.js';
import { peak, peaks } from './sound.js';

const LIVE_BAR_S = 0.05; // a block of the microphone's
const KEPT = 50; // detections while listening: the oldest are forgotten

// Draws `from_s..to_s`; the detections that `counts` refuses are faint.
function draw(bars, from_s, to_s, detections, counts) {
  const share = (time_s) => (time_s - from_s) / (to_s - from_s);
  const marks = detections
    .map((detection) => ({
      from: share(detection.start_s),
      to: share(detection.end_s),
      label: detection.label,
      faint: !counts(detection),
    }))
    .filter(({ to, from }) => to > 0 && from < 1);
  drawSound($('timeline'), bars, marks);
  $('from').textContent = say('seconds', number(Math.max(0, from_s), 1));
  $('to').textContent = say('seconds', number(to_s, 1));
}

// `replay(detection)` plays one of the detections, where the sound is known; those that `counts` refuses are faint.
export function showFound(detections, counts, replay) {
  refill($('found'), detections.map((detection) => item(detection, counts, replay)));
}

// Adds the newest while listening.
export function addFound(detection, counts, replay) {
  prepend($('found'), item(detection, counts, replay), KEPT);
}

function item(detection, counts, replay) {
  const { label, start_s, confidence } = detection;
  const press = () => replay(detection);
  const button = element('button', { type: 'button', className: 'replay', disabled: !replay, onclick: press },
    element('span', { className: 'quiet', textContent: `${say('play')} ` }),
    element('b', { textContent: label, lang: languageOf(label) }),
    element('span', { textContent: say('seconds', number(start_s, 1)) }),
    element('span', { className: 'share', textContent: percent(confidence) }));
  return element('li', { className: counts(detection) ? '' : 'faint' }, button);
}

// There are no `samples` where the browser cannot read the file.
export function drawRecording({ samples, answer }, counts) {
  draw(samples ? barsOf(samples) : [], 0, answer.duration_s, answer.detections, counts);
}

const made = new WeakMap(); // bars, by their samples, of which there are millions

function barsOf(samples) {
  const n = nBars($('timeline'));
  if (made.get(samples)?.length !== n) made.set(samples, peaks(samples, n));
  return made.get(samples);
}

// What is being listened to: the newest sound is at the right.
export class Live {
  bars = [];
  detections = []; // the newest first

  // `threshold` is that of the detections.
  constructor(threshold) {
    this.threshold = threshold;
  }

  push(block) {
    this.bars.push(peak(block));
  }

  add(detection) {
    this.detections = [detection, ...this.detections].slice(0, KEPT);
  }

  draw(counts) {
    const n = nBars($('timeline'));
    const to_s = this.bars.length * LIVE_BAR_S;
    const shown = this.bars.slice(-n);
    const before = new Array(n - shown.length).fill(0);
    draw([...before, ...shown], to_s - n * LIVE_BAR_S, to_s, this.detections, counts);
  }
}
