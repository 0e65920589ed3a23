// Words of one's own: said a few times, taught to the server or to this device, listed and forgotten.

import { Refusal } from './api.js';
import { $, element, onFiles, onHold, refill } from './dom.js';
import { has, isSameWord, name as labelName, percent, say } from './language.js';
import * as meter from './meter.js';
import { decode, play } from './sound.js';
import { talk } from './talk.js';
import { wav } from './wav.js';
import { askThere, check, forTask, isOnDevice } from './where.js';
import { work } from './work.js';

const ENOUGH = 5; // recordings that the page asks for
const LEAST = 3; // recordings that the server needs
const BEGINNING = /^[\p{Alphabetic}\p{Number}]/u; // of a name, as the server wants it; `..` would change the address

// { samples, fault, word, isHere }: a fault is the key of its words, `word` what it has taught already, and `isHere` is true
// if that was on this device; it is undefined once another model is there.
let takes = [];
let taught = null; // as `GET /words` has it
let taughtHere; // true if those are the words of this device
// Of the last word: { name, report, words } or { name, refusal: { error, reason } }; of a loaded model: { words }.
let result = null;
let recording = null;
let tellChanged; // that the words have changed

const attempt = (task) => work(task, 'teachProblem');

export function setUpTeaching(changed) {
  tellChanged = changed;
  const press = () => {
    if (recording) return recording.stop();
    return attempt(record);
  };
  onHold($('take'), press, () => recording?.release(), { everywhere: false });
  onFiles($('takeFiles'), (files) => attempt(() => takeFiles(files)));
  onFiles($('modelFile'), ([file]) => attempt(() => takeModel(file)));
  $('newWord').addEventListener('input', showTeaching);
  $('teachForm').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = typed();
    const isIt = (word) => isSameWord(word, name);
    const other = takes.find(({ word = name }) => !isIt(word)); // the name was corrected, or is the next
    if (other && !confirm(say('keepTakes', other.word))) {
      takes = takes.filter(({ word = name }) => isIt(word));
      judge();
      $('take').focus(); // the button may be off by now
      return;
    }
    const isAdded = takes.some(({ word = '', isHere }) => isIt(word) && isHere === taughtHere);
    const replaces = isTaught(name) && !isAdded;
    if (replaces && !confirm(say('replaceWord', name))) return;
    attempt(async () => {
      await teach(name).finally(refresh);
      $('teachResult').focus({ preventScroll: true }); // the button may be off by now
      await tellChanged();
    });
  });
}

const isTaught = (name) => taught?.words.some((word) => isSameWord(word.name, name)) ?? false;

const typed = () => $('newWord').value.trim().normalize();

// The button of an item has gone with it: the next item's has the focus, or the last one's, or else `other`.
function focusNext(list, index, other) {
  const buttons = list.querySelectorAll('.small');
  (buttons[Math.min(index, buttons.length - 1)] ?? other).focus({ preventScroll: true });
}

export async function refresh() {
  const answer = await askThere(async (place) => ({ words: await place.taughtWords(), address: await place.modelAddress() }))
    .catch(() => undefined); // what is wrong is said where a recording is answered
  if (answer || taughtHere !== isOnDevice()) {
    taught = answer?.words ?? null;
    taughtHere = isOnDevice();
    if (result?.words?.every(isTaught) === false) result = null; // one was forgotten, maybe by another page
    URL.revokeObjectURL($('download').href); // of the words before
    $('download').href = answer?.address ?? '';
  }
  showTeaching();
}

export const teaches = () => taught?.teaches;

export function showTeaching() {
  $('teach').hidden = !taught;
  if (!taught) return;
  $('teachForm').hidden = !taught.teaches;
  $('teachOff').hidden = taught.teaches;
  $('teachHere').hidden = $('where').hidden;
  $('takeText').textContent = say(recording ? 'takeNow' : 'take');
  $('takeCount').textContent = takes.length > ENOUGH ? takes.length : say('takes', takes.length, ENOUGH);
  $('teachIt').disabled = takes.length < LEAST || typed() === '';
  refill($('takes'), takes.map(takeRow));
  showResult();
  const hasWords = taught.words.length > 0;
  $('taughtWords').hidden = !hasWords;
  $('taughtNote').hidden = !taught.note;
  $('taughtNote').textContent = say(taught.note);
  $('models').hidden = !taught.teaches || !(hasWords || taughtHere);
  $('download').hidden = !hasWords;
  $('takeModel').hidden = !taughtHere;
  refill($('taught'), taught.words.map(wordRow));
}

// The button that removes an item of a list.
const remover = (text, label, onclick) =>
  element('button', { type: 'button', className: 'small', textContent: say(text), ariaLabel: label, onclick });

function takeRow(take, index) {
  const listen = element('button', { type: 'button', className: 'round', onclick: () => play(take.samples) });
  listen.ariaLabel = say('playTake', index + 1);
  const drop = remover('dropTake', say('dropTakeOf', index + 1), () => {
    takes.splice(index, 1);
    judge();
    focusNext($('takes'), index, $('take'));
  });
  const fault = element('span', { className: 'fault', textContent: take.fault ? say('faults')[take.fault] : '' });
  return element('li', {}, listen, element('b', { textContent: index + 1 }), fault, drop);
}

function wordRow({ name, recordings }, index) {
  const drop = remover('forget', say('forgetWord', name), () =>
    confirm(say('forgetIt', name)) && attempt(() => forget(name, index)));
  const origin = element('span', { className: 'where', textContent: say('taughtBy', recordings) });
  return element('li', {}, element('b', { textContent: name }), origin, ...(taught.teaches ? [drop] : []));
}

async function forget(name, index) {
  await (await forTask()).forget(name).finally(refresh);
  focusNext($('taught'), index, $('take'));
  await tellChanged();
}

// Takes the words of another device, in place of those of this one.
async function takeModel(file) {
  const agrees = () => taught.words.length === 0 || confirm(say('replaceWords'));
  const words = await (await forTask()).takeModel(file, agrees);
  await refresh();
  if (!words) return;
  result = { words }; // as what the takes have taught, the one before was of the words before
  for (const take of takes) take.isHere = undefined;
  showTeaching();
  await tellChanged();
}

function showResult() {
  $('teachResult').replaceChildren();
  if (!result) return;
  const line = (text, lang) => element('p', { textContent: text, lang: lang ?? document.documentElement.lang });
  const { name, refusal, report } = result;
  if (refusal) {
    const reason = inWords(refusal);
    $('teachResult').append(line(say('notTaught', name)), reason ? line(reason) : line(refusal.error, 'en'));
    return;
  }
  if (!report) {
    $('teachResult').append(line(`${say('taught')}: ${result.words.join(', ')}`));
    return;
  }
  const { recall_leave_one_out: recall, false_accepts: wrong, nearest, advice } = report;
  $('teachResult').append(
    line(say('isTaught', name)),
    line(say('teachFigures', percent(recall, 0), percent(wrong, 1))),
    ...(nearest?.probability > 0.05 ? [line(say('nearest', labelName(nearest.label)))] : []),
    ...advice.map((one) => line(say('advice')[one])),
  );
}

// The refusal in the page's language, if its reason is known, with the names and numbers of the English sentence.
function inWords({ error = '', reason }) {
  const told = [...error.matchAll(/`(.+?)`|\d+/g)].map(([number, name]) => name ?? number);
  return say('teachRefusals')[reason]?.(...told);
}

async function record() {
  recording = talk((done, block) => {
    $('take').style.setProperty('--done', done);
    meter.measure(block);
  });
  $('take').classList.add('on');
  showTeaching();
  try {
    add(await recording.samples);
  } finally {
    recording = null;
    $('take').classList.remove('on');
    meter.reset();
    showTeaching();
  }
}

// Takes the recordings of files; names those that are none.
async function takeFiles(files) {
  const all = await Promise.all(files.map((file) => decode(file).catch(() => null)));
  add(...all.filter((samples) => samples?.length));
  const bad = files.filter((_, i) => !all[i]?.length).map(({ name }) => name);
  if (bad.length) throw Object.assign(new Refusal('undecodable'), { file: bad.join(', ') });
}

function add(...recordings) {
  takes.push(...recordings.map((samples) => ({ samples, fault: '' })));
  judge();
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

// Teaches the word by all takes.
async function teach(name) {
  try {
    if (!BEGINNING.test(name)) throw new Refusal('failed', { reason: 'name' });
    const sent = [...takes]; // meanwhile one may be removed
    const report = await (await forTask()).teach(name, sent.map(({ samples }) => wav(samples)));
    tell(sent, report.left_out);
    result = { name, report, words: [name] };
    for (const take of sent) Object.assign(take, { word: name, isHere: isOnDevice() });
    if (report.left_out.length === 0 && !report.advice.includes('more_recordings')) { // which add up
      takes = takes.filter((take) => !sent.includes(take));
      $('newWord').value = '';
    }
  } catch (error) {
    const { key, answer } = error;
    const isOfWord = answer && (['failed', 422].includes(key) || !has(key));
    result = isOfWord ? { name, refusal: answer } : null;
    if (!isOfWord) throw error; // a busy server, and the like
  }
}
