// The list of what was heard in this session.

import { accepts } from './answer.js';
import { $, element, prepend, refill, row } from './dom.js';
import { clock, percent, reason, say } from './language.js';
import { MOST, answers, entries } from './session.js';

// `open(entry)` shows one again, `replay(entry)` plays it.
export function showHistory(threshold, { open, replay }) {
  showCard();
  refill($('entries'), entries.toReversed().map((entry) => item(entry, threshold, { open, replay })));
}

// Adds the newest.
export function addToHistory(entry, threshold, { open, replay }) {
  showCard();
  prepend($('entries'), item(entry, threshold, { open, replay }), MOST);
}

const showCard = () => { $('history').hidden = entries.length === 0; };

function item(entry, threshold, { open, replay }) {
  const heard = element('b', {}, ...summary(entry, threshold));
  const isFault = entry.kind === 'fault';
  const notes = [source(entry), clock(entry.at)];
  if (isFault && entry.why !== 'unanswered') notes.push(reason(entry.why));
  const where = element('span', { className: 'where', textContent: notes.join(' · ') });
  const [answer] = entry.kind === 'recording' ? [] : answers(entry);
  const share = element('span', { className: 'share', textContent: answer ? percent(answer.confidence) : '' });
  const show = element(isFault ? 'div' : 'button', { className: 'entry' }, heard, where, share);
  const play = element('button', { type: 'button', className: 'round', disabled: !entry.samples });
  play.ariaLabel = `${say('play')}: ${heard.textContent}, ${source(entry)}`;
  play.onclick = () => replay(entry);
  if (!isFault) Object.assign(show, { type: 'button', onclick: () => open(entry) });
  const counts = answers(entry).some((one) => accepts(one, threshold));
  return element('li', { className: counts ? '' : 'faint' }, play, show);
}

const source = (entry) => (entry.source === 'file' ? entry.name : say(entry.source));

function summary(entry, threshold) {
  if (entry.kind === 'fault') return [say(entry.why === 'unanswered' ? entry.why : 'refused')];
  if (entry.kind === 'recording') {
    const labels = entry.answer.detections.map(({ label }) => label);
    return labels.length ? row(labels) : [say('nothingFound')];
  }
  const [answer] = answers(entry);
  if (accepts(answer, threshold)) return row([answer.label]);
  const other = { _silence_: say('silence'), _unknown_: say('unknown') }[answer.label];
  return [other ?? say('perhaps', answer.label)];
}
