// How sure an answer must be to count, and what another threshold would change.

import { accepts } from './answer.js';
import { $ } from './dom.js';
import { isKeyword, percent, percentBelow, say } from './language.js';
import { answers, entries } from './session.js';

// `usual` is the model's own threshold, `report` its report, if it has one.
export function showThreshold({ threshold, usual, current, report }) {
  $('threshold').value = threshold;
  $('thresholdValue').textContent = percent(threshold);
  $('threshold').ariaValueText = percent(threshold);
  $('usualThreshold').hidden = threshold === usual;
  $('usualThreshold').textContent = say('usual', percent(usual));
  $('thresholdEffect').ariaLive = document.activeElement === $('threshold') ? 'polite' : 'off'; // what is heard is told elsewhere
  $('thresholdEffect').textContent = [ofAnswer(current, threshold), ofSession(threshold)].filter(Boolean).join(' ');
  $('thresholdFigures').textContent = report ? ofValidation(report.evaluation, threshold) : '';
}

function ofAnswer(current, threshold) {
  if (current?.kind !== 'word') return '';
  const { label, confidence } = current.answer;
  if (!isKeyword(label)) return say('neverCounts');
  if (confidence >= threshold) return say('counts', label, percent(confidence));
  return say('countsNot', label, percentBelow(confidence, threshold));
}

function ofSession(threshold) {
  const all = entries.flatMap(answers);
  if (all.length < 2) return '';
  return say('ofSession', all.filter((answer) => accepts(answer, threshold)).length, all.length);
}

function ofValidation({ trade_off: points }, threshold) {
  const distance = (point) => Math.abs(point.threshold - threshold);
  const nearest = points.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  return say('ofValidation', percent(nearest.threshold), percent(nearest.lost), percent(nearest.others_accepted));
}
