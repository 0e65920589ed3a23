// How sure an answer must be to count, and what another threshold would change.

import { accepts } from './answer.js';
import { $ } from './dom.js';
import { isKeyword, percent, say } from './language.js';
import { answers, entries } from './session.js';

// `usual` is the model's own threshold, `report` its report, if it has one.
export function showThreshold({ threshold, usual, current, report }) {
  $('threshold').value = threshold;
  $('threshold').style.setProperty('--share', threshold);
  $('thresholdValue').textContent = percent(threshold, 0);
  $('usualThreshold').hidden = threshold === usual;
  $('usualThreshold').textContent = say('usual', percent(usual, 0));
  $('thresholdEffect').textContent = [ofAnswer(current, threshold), ofSession(threshold)].filter(Boolean).join(' ');
  $('thresholdFigures').textContent = report ? ofValidation(report.evaluation, threshold) : '';
}

function ofAnswer(current, threshold) {
  if (current?.kind !== 'word') return '';
  const { label, confidence } = current.answer;
  if (!isKeyword(label)) return say('neverCounts');
  return say(confidence >= threshold ? 'counts' : 'countsNot', label, percent(confidence));
}

function ofSession(threshold) {
  const all = entries.flatMap(answers);
  if (all.length < 2) return '';
  return say('ofSession', all.filter((answer) => accepts(answer, threshold)).length, all.length);
}

function ofValidation({ trade_off: points }, threshold) {
  const distance = (point) => Math.abs(point.threshold - threshold);
  const { lost, others_accepted: taken } = points.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  return say('ofValidation', percent(lost), percent(taken));
}
