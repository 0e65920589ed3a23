// The page's language: the one chosen last, or the browser's, or English.

const KEY = 'language';
const REMOVED = /^_|_$/g;
const LANGUAGES = { // few need more than one
  en: () => import('./words-en.js'),
  uk: () => import('./words-uk.js'),
};

let language = [recall(KEY), ...navigator.languages.map((name) => name.slice(0, 2)), 'en']
  .find((name) => name in LANGUAGES);
let { words } = await LANGUAGES[language]();

// A browser that stores nothing forbids even to ask.
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it is forgotten with the page.
  }
}

let asked; // the language that was asked for last

export async function speakIn(name) {
  asked = name;
  const spoken = await LANGUAGES[name]().catch((error) => {
    if (asked === name) throw error;
  });
  if (asked !== name) return;
  ({ words } = spoken);
  language = name;
  keep(KEY, name);
}

export function say(key, ...values) {
  const word = words[key];
  return typeof word === 'function' ? word(...values) : word;
}

export const has = (key) => key in words;
// Why something failed, if there are words for it.
export const reason = (key) => say(has(key) ? key : 'failed');

// `_silence_` and `_unknown_` are no words anyone says: they are named in the page's language.
export const isKeyword = (label) => !label.startsWith('_');
// The labels that the model was taught come after those of its network.
const taughtNames = ({ labels, network }) => labels.slice(network.n_labels);

// As the models tell names apart: in small or capital letters they are the same.
export const isSameWord = (a, b) => a.toLowerCase() === b.toLowerCase();

const taught = new Set(); // in whatever language
export const learn = (info) => taughtNames(info).forEach((label) => taught.add(label));
// The commands are English on every page.
export const languageOf = (label) => (isKeyword(label) && !taught.has(label) ? 'en' : '');

export const name = (label) => (isKeyword(label) ? label : say('labels')[label.replaceAll(REMOVED, '')] ?? label);

// As the browser's own country writes numbers and times, if it speaks the page's language.
const locale = () => navigator.languages.find((known) => known.startsWith(language)) ?? language;

export const number = (value, digits = 0) =>
  value.toLocaleString(locale(), { maximumFractionDigits: digits, minimumFractionDigits: digits });
export const clock = (date) => date.toLocaleTimeString(locale());

export function percent(share, digits = 1) {
  const least = 10 ** -(digits + 2);
  const write = (value) => value.toLocaleString(locale(), {
    style: 'percent', maximumFractionDigits: digits, minimumFractionDigits: digits,
  });
  return share > 0 && share < least / 2 ? `<\u2009${write(least)}` : write(share);
}

// A share that is less than `bound`, and is seen to be.
export const percentBelow = (share, bound) => percent(share, percent(share) === percent(bound) ? 4 : 1);

// Says everything that stands in `index.html` anew.
export function translate() {
  document.documentElement.lang = language;
  document.title = say('title');
  for (const part of document.querySelectorAll('[data-word]')) part.textContent = say(part.dataset.word);
  for (const part of document.querySelectorAll('[data-label]')) part.ariaLabel = say(part.dataset.label);
  for (const button of document.querySelectorAll('[data-language]')) {
    button.ariaPressed = button.dataset.language === language;
  }
}
