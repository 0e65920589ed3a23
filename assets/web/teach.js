// Words of one's own: said a few times, taught to the server or to this device, listed and forgotten.

import { Refusal } from './api.js';
import { $, element, refill } from './dom.js';
import { onHold } from './hold.js';
import { has, name as labelName, percent, say } from './language.js';
import * as meter from './meter.js';
import { play } from './sound.js';
import { talk } from './talk.js';
import { wav } from './wav.js';
import { askThere, check, forTask, teach as teachThere } from './where.js';

const ENOUGH = 5; // recordings that the page asks for
const LEAST = 3; // recordings that the server needs
const BEGINNING = /^[\p{Alphabetic}\p{Number}]/u; // of a name, as the server wants it; `..` would change the address

// The refusals of a word come in English: the key of the words for each.
const REFUSALS = {
  known: /^the model knows `(.+)` already/,
  heardAs: /^the recordings are heard as `(.+)`/,
  few: /^(\d+) of (\d+) recordings can be used/,
  unlike: /^(\d+) of (\d+) recordings are not like/,
  name: /cannot be the name of a word/,
  many: /^(\d+) recordings: expected/,
  noBank: /^the model has no bank/,
};

let takes = []; // { samples, fault }: a fault is the key of its words
let taught = null; // as `GET /words` has it
let result = null; // what became of the last word: { name, report } or { name, refusal }
let recording = null;

// `work(task)` runs one task at a time, `changed()` is told that the words have changed.
export function setUpTeaching({ work, changed }) {
  const press = () => {
    if (recording) return recording.stop();
    return work(record);
  };
  onHold($('take'), press, () => recording?.release(), { everywhere: false });
  $('newWord').addEventListener('input', showTeaching);
  $('teachForm').addEventListener('submit', (event) => {
    event.preventDefault();
    work(async () => {
      await teach($('newWord').value.trim().normalize()).finally(refresh);
      $('teachResult').focus({ preventScroll: true }); // the button may be off by now
      await changed();
    });
  });
  $('taught').addEventListener('click', ({ target }) => {
    const { word } = target.closest('button')?.dataset ?? {};
    if (!word) return;
    const index = taught.words.findIndex(({ name }) => name === word);
    work(async () => {
      if (result?.name === word) result = null;
      await (await forTask()).forget(word).finally(refresh);
      focusNext($('taught'), index, $('take'));
      await changed();
    });
  });
}

// The button of an item has gone with it: the next item's has the focus, or the last one's, or else `other`.
function focusNext(list, index, other) {
  const buttons = list.querySelectorAll('.small');
  (buttons[Math.min(index, buttons.length - 1)] ?? other).focus({ preventScroll: true });
}

export async function refresh() {
  const { words, record } = await askThere(async (place) => ({ words: await place.taughtWords(), record: await place.record() }))
    .catch(() => ({})); // what is wrong is said where a recording is answered
  taught = words ?? null;
  URL.revokeObjectURL($('download').href); // of the words before
  $('download').href = record ?? '';
  showTeaching();
}

export function showTeaching() {
  $('teach').hidden = !taught;
  if (!taught) return;
  $('teachForm').hidden = !taught.teaches;
  $('teachOff').hidden = taught.teaches;
  $('teachHere').hidden = $('where').hidden;
  $('takeText').textContent = say(recording ? 'takeNow' : 'take');
  $('takeCount').textContent = say('takes', takes.length, ENOUGH);
  $('teachIt').disabled = takes.length < LEAST || $('newWord').value.trim() === '';
  refill($('takes'), takes.map(takeRow));
  showResult();
  $('taughtWords').hidden = taught.words.length === 0;
  $('download').hidden = !taught.teaches;
  refill($('taught'), taught.words.map(wordRow));
}

function takeRow(take, index) {
  const listen = element('button', { type: 'button', className: 'round', onclick: () => play(take.samples) });
  listen.ariaLabel = say('playTake', index + 1);
  const drop = element('button', { type: 'button', className: 'small', textContent: say('dropTake') });
  drop.ariaLabel = say('dropTakeOf', index + 1);
  drop.onclick = () => {
    takes.splice(index, 1);
    judge();
    focusNext($('takes'), index, $('take'));
  };
  const fault = element('span', { className: 'fault', textContent: take.fault ? say('faults')[take.fault] : '' });
  return element('li', {}, listen, element('b', { textContent: index + 1 }), fault, drop);
}

function wordRow({ name, recordings }) {
  const forget = element('button', { type: 'button', className: 'small', textContent: say('forget'), dataset: { word: name } });
  forget.ariaLabel = say('forgetWord', name);
  const origin = element('span', { className: 'where', textContent: say('taughtBy', recordings) });
  return element('li', {}, element('b', { textContent: name }), origin, ...(taught.teaches ? [forget] : []));
}

function showResult() {
  $('teachResult').replaceChildren();
  if (!result) return;
  const line = (text, lang) => element('p', { textContent: text, lang: lang ?? document.documentElement.lang });
  if (result.refusal) {
    const reason = inWords(result.refusal);
    $('teachResult').append(line(say('notTaught', result.name)), reason ? line(reason) : line(result.refusal, 'en'));
    return;
  }
  const { recall_leave_one_out: recall, false_accepts: wrong, nearest, advice } = result.report;
  $('teachResult').append(
    line(say('isTaught', result.name)),
    line(say('teachFigures', percent(recall, 0), percent(wrong, 1))),
    ...(nearest?.probability > 0.05 ? [line(say('nearest', labelName(nearest.label)))] : []),
    ...advice.map((one) => line(say('advice')[one])),
  );
}

const keyOf = (refusal) => Object.keys(REFUSALS).find((key) => REFUSALS[key].test(refusal));

// The refusal in the page's language, if it is known.
function inWords(refusal) {
  const key = keyOf(refusal);
  return say('teachRefusals')[key]?.(...REFUSALS[key].exec(refusal).slice(1));
}

async function record() {
  recording = talk((done, block) => {
    $('take').style.setProperty('--done', done);
    meter.measure(block);
  });
  $('take').classList.add('on');
  showTeaching();
  try {
    const samples = await recording.samples;
    takes.push({ samples, fault: '' });
    judge();
  } finally {
    recording = null;
    $('take').classList.remove('on');
    meter.reset();
    showTeaching();
  }
}

// Says at once which takes are faulty, or unlike the others. Where it cannot be said here, it is after they are sent.
async function judge() {
  showTeaching();
  const judged = [...takes];
  const faults = await check(judged.map(({ samples }) => samples)).catch(() => undefined);
  if (!faults) return;
  for (const take of judged) take.fault = '';
  tell(judged, faults);
  showTeaching();
}

const tell = (takes, faults) => faults.forEach(({ name: number, reason }) => { takes[number - 1].fault = reason; });

// Teaches the word by all takes; one that was taught before is replaced.
async function teach(name) {
  try {
    if (!BEGINNING.test(name)) {
      const error = `“${name}” cannot be the name of a word: expected a letter or digit first`;
      throw new Refusal('failed', { error });
    }
    const isKnown = taught.words.some((word) => word.name === name);
    const sent = [...takes]; // meanwhile one may be removed
    const report = await teachThere(name, sent.map(({ samples }) => wav(samples)), isKnown);
    tell(sent, report.left_out);
    result = { name, report };
    if (report.left_out.length === 0) {
      takes = takes.filter((take) => !sent.includes(take));
      $('newWord').value = '';
    }
  } catch (error) {
    const isOfWord = error.answer && (keyOf(error.answer.error) || !(error.key > 0 && has(error.key)));
    result = isOfWord ? { name, refusal: error.answer.error } : null;
    if (!isOfWord) throw error; // a busy server, and the like
  }
}
