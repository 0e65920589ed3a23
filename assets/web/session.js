// What was heard while the page was open. Nothing of it is stored.

import { reason, say } from './language.js';

export const MOST = 500; // the oldest are forgotten

// Each: `{ at, kind, source, name, … }`, and by `kind`
// - `word`: `answer` of `/predict`, `second`, `start`, `samples`;
// - `recording`: `answer` of `/detect`, `samples`, `blob`;
// - `heard`: `detection` of `/stream`, `samples`, `rate`;
// - `fault`: `why` there is no answer: the key of its words.
export const entries = [];

export function remember(entry) {
  entry.at = new Date();
  entries.push(entry);
  if (entries.length > MOST) entries.shift();
  return entry;
}

// What an entry says, as `{ label, confidence, start_s, end_s }`: a recording may say several things.
export function answers({ kind, answer, detection }) {
  if (kind === 'word') return [answer];
  if (kind === 'heard') return [detection];
  return kind === 'recording' ? answer.detections : [];
}

const BYTE_ORDER_MARK = '\ufeff'; // without it Excel reads UTF-8 as something else
const COLUMNS = ['time', 'source', 'label', 'confidence', 'accepted', 'start_s', 'end_s', 'note'];

// `accepts(answer)` says whether an answer counts. What has none has a note.
export function csv(accepts) {
  const rows = entries.flatMap((entry) => {
    const from = [entry.at.toISOString(), entry.source === 'live' ? 'live' : entry.name];
    const said = answers(entry).map((answer) =>
      [...from, answer.label, answer.confidence, accepts(answer), answer.start_s, answer.end_s, '']);
    if (said.length) return said;
    return [[...from, '', '', '', '', '', entry.kind === 'fault' ? reason(entry.why) : say('nothingFound')]];
  });
  return BYTE_ORDER_MARK + [COLUMNS, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

// A name that begins like a formula would be one to a spreadsheet.
function cell(value = '') {
  const text = String(value).replace(/^[=+\-@]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
