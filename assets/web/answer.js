// The answer to one word: the verdict, what the network saw, and the five likeliest labels.

import { $, element } from './dom.js';
import { isKeyword, languageOf, name, number, percent, percentBelow, say } from './language.js';
import { logMel } from './log-mel.js';
import { drawSound, drawSpectrogram, nBars } from './picture.js';
import { RATE, peak, peaks } from './sound.js';

// Below, the shipped model begins to lose words: of 150 clips scaled to this peak it accepts 98 %,
// of those at 0.005 95 %, at 0.003 87 %.
const QUIET = 0.01;
const FULL = 0.999;

export const accepts = ({ label, confidence }, threshold) => isKeyword(label) && confidence >= threshold;
export const isQuiet = (loudest) => loudest < QUIET;
export const isClipped = (loudest) => loudest >= FULL;

// The verdict in three lines.
function verdict({ label, confidence }, threshold) {
  const share = percent(confidence);
  if (!isKeyword(label)) {
    return { says: '', word: say(label === '_silence_' ? 'silence' : 'unknown'), detail: say('sure', share) };
  }
  if (confidence < threshold) {
    return { says: '', word: say('unsure'), detail: say('likeliest', label, percentBelow(confidence, threshold), percent(threshold)) };
  }
  return { says: say('heard'), word: label, detail: say('sure', share) };
}

export function showAnswer({ answer, samples, second, start, name: file }, threshold) {
  const lines = verdict(answer, threshold);
  const accepted = accepts(answer, threshold);
  for (const [id, line] of Object.entries(lines)) $(id).textContent = line;
  $('word').lang = accepted ? languageOf(answer.label) : '';
  $('answer').classList.toggle('refused', !accepted);
  $('answer').classList.toggle('unsure', !accepted && isKeyword(answer.label));
  $('bars').replaceChildren(...answer.predictions.map(bar));
  const loudest = second ? peak(second) : QUIET;
  const warning = isQuiet(loudest) ? 'tooQuiet' : isClipped(loudest) ? 'clipped' : '';
  $('warning').textContent = warning && say(`${warning}Advice`);
  $('warning').hidden = !warning;
  for (const id of ['sound', 'seen', 'play', 'save']) $(id).hidden = !second;
  $('unseen').hidden = Boolean(second);
  $('save').download = file.replace(/(\.\w+)?$/, '.wav');
  if (!second) return;
  const [from_s, length_s] = [start / RATE, samples.length / RATE];
  $('span').textContent = say('span', number(from_s, 2), number(from_s + 1, 2), number(length_s, 2));
}

// Whole sentences, for those who listen to the page.
export const spoken = (answer, threshold) =>
  Object.values(verdict(answer, threshold)).filter(Boolean).join(' ');

// `frontEnd` is `log_mel` of `GET /info`; the spectrogram waits for it.
export function drawAnswer({ samples, second, start }, frontEnd) {
  if (!second) return;
  const length = Math.max(samples.length, RATE);
  const whole = new Float32Array(length);
  whole.set(samples);
  const mark = { from: start / length, to: (start + RATE) / length };
  drawSound($('waveform'), peaks(whole, nBars($('waveform'))), length > RATE ? [mark] : []);
  if (frontEnd) drawSpectrogram($('spectrogram'), logMel(second, frontEnd));
}

function bar({ label, probability }) {
  const line = element('span', { className: 'bar' });
  line.style.setProperty('--share', probability);
  return element('li', {},
    element('span', { className: 'label', textContent: name(label), lang: languageOf(label) }),
    line,
    element('span', { className: 'share', textContent: percent(probability) }));
}
