// The page: a recording goes to `POST /predict`, and the answer is shown.

import { record } from './recorder.js';
import { words } from './words.js';

const $ = (id) => document.getElementById(id);

const languages = [localStorage.getItem('language'), navigator.language.slice(0, 2), 'en'];

const state = {
  language: languages.find((language) => language in words),
  hint: 'ready', // a key of `words`
  answer: null, // what `POST /predict` said
  busy: false,
};

const say = (key, ...values) => {
  const word = words[state.language][key];
  return typeof word === 'function' ? word(...values) : word;
};
const percent = (share) =>
  share.toLocaleString(state.language, { style: 'percent', maximumFractionDigits: 1 });
// `_silence_` and `_unknown_` are no words anyone says: they are named in the page's language.
const name = (label) => words[state.language].labels[label.replaceAll('_', '')] ?? label;

function show() {
  document.documentElement.lang = state.language;
  document.title = say('title');
  for (const part of document.querySelectorAll('[data-word]')) part.textContent = say(part.dataset.word);
  for (const part of document.querySelectorAll('[data-label]')) part.ariaLabel = say(part.dataset.label);
  for (const button of document.querySelectorAll('[data-language]')) {
    button.ariaPressed = button.dataset.language === state.language;
  }
  $('hint').textContent = say(state.hint);
  if (state.answer) showAnswer(state.answer);
}

function hint(key, bad = false) {
  state.hint = key;
  $('hint').textContent = say(key);
  $('hint').classList.toggle('bad', bad);
}

function showAnswer({ label, confidence, accepted, predictions }) {
  const share = percent(confidence);
  $('answer').hidden = false;
  $('answer').classList.toggle('refused', !accepted);
  $('says').textContent = accepted ? say('heard') : '';
  $('word').textContent = accepted ? name(label) : say('refused');
  $('detail').textContent = accepted ? say('sure', share) : say('likeliest', name(label), share);
  $('spoken').textContent = ['says', 'word', 'detail'].map((id) => $(id).textContent).join(' ');
  $('bars').replaceChildren(...predictions.map(bar));
  for (const word of $('words').children) {
    word.classList.toggle('heard', accepted && word.textContent === label);
  }
}

function bar({ label, probability }) {
  const item = document.createElement('li');
  const [word, line, share] = ['word', 'bar', 'share'].map((kind) => {
    const part = document.createElement('span');
    part.className = kind;
    item.append(part);
    return part;
  });
  word.textContent = name(label);
  line.style.setProperty('--share', probability);
  share.textContent = percent(probability);
  return item;
}

// Runs `task`, which resolves to a recording, and shows the answer; one at a time.
async function ask(task) {
  if (state.busy) return;
  state.busy = true;
  state.answer = null;
  $('answer').hidden = true;
  $('record').ariaDisabled = true;
  try {
    const recording = await task();
    hint('thinking');
    state.answer = await predict(recording);
    showAnswer(state.answer);
    hint('again');
  } catch (error) {
    hint([error.name, error.message].find((key) => key in words.en) ?? 'failed', true);
  } finally {
    state.busy = false;
    $('record').ariaDisabled = false;
    level(0, 0);
  }
}

// Throws an `Error` whose message is `away` or the status.
async function predict(recording) {
  const form = new FormData();
  form.append('file', recording, recording.name ?? 'microphone.wav');
  const response = await fetch('predict', { method: 'POST', body: form }).catch(() => {
    throw new Error('away');
  });
  if (response.ok) return response.json();
  throw new Error(response.status);
}

function level(done, loudness) {
  $('record').style.setProperty('--done', done);
  $('record').style.setProperty('--level', loudness);
}

async function speak() {
  hint('allow');
  return record((done, loudness) => {
    if (state.hint !== 'speak') hint('speak');
    level(done, loudness);
  });
}

async function showKnownWords() {
  const { labels } = await (await fetch('info')).json();
  const chips = labels.filter((label) => name(label) === label).map((label) => {
    const chip = document.createElement('li');
    chip.textContent = label;
    return chip;
  });
  $('words').replaceChildren(...chips);
  $('known').hidden = false;
}

$('record').addEventListener('click', () => ask(speak));
$('file').addEventListener('change', ({ target }) => {
  const [file] = target.files;
  if (file) ask(async () => file);
  target.value = ''; // the same file may be chosen again
});

for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
  // Anywhere on the page: a file that misses would otherwise replace it.
  addEventListener(kind, (event) => {
    event.preventDefault();
    $('ask').classList.toggle('over', kind.startsWith('drage') || kind === 'dragover');
  });
}
addEventListener('drop', ({ dataTransfer }) => {
  const [file] = dataTransfer.files;
  if (file) ask(async () => file);
});

for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => {
    state.language = button.dataset.language;
    localStorage.setItem('language', state.language);
    show();
  });
}

$('curl').textContent = `curl -F file=@word.wav ${new URL('predict', location)}`;
show();
showKnownWords().catch(() => hint('away', true));
