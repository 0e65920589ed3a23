// The things that every part of the page does with its elements.

import { languageOf } from './language.js';

export const $ = (id) => document.getElementById(id);

// An element with properties and children.
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Labels in a row, each in its own language.
export const row = (labels) => labels.flatMap((label, i) =>
  [i ? ', ' : '', element('span', { textContent: label, lang: languageOf(label) })]);

// Replaces the items of a list, to which new ones come first; the button in focus stays so.
export function refill(list, items) {
  const fromEnd = () => [...list.querySelectorAll('button')].reverse();
  const place = fromEnd().indexOf(document.activeElement);
  list.replaceChildren(...items);
  fromEnd()[place]?.focus({ preventScroll: true });
}

// Puts the item before the others, of which it removes the last if there are more than `most`.
export function prepend(list, item, most) {
  list.prepend(item);
  if (list.children.length > most) list.lastElementChild.remove();
}

// Hands over the files that are chosen.
export const onFiles = (input, take) => input.addEventListener('change', () => {
  const files = [...input.files];
  input.value = ''; // the same file may be chosen again
  take(files);
});

const ELSEWHERE = 'a, button, input, summary, [tabindex]'; // the space bar has its own meaning there

// A button to hold, by pointer or space bar; a click that neither made is a press and a release.
// `everywhere` lets the space bar press it from anywhere on the page: one button alone may have that.
export function onHold(button, press, release, { everywhere = true } = {}) {
  button.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    press();
  });
  for (const kind of ['pointerup', 'pointercancel']) button.addEventListener(kind, release);
  button.addEventListener('contextmenu', (event) => event.preventDefault()); // a long touch asks for one
  button.addEventListener('click', ({ detail }) => {
    if (detail > 0) return; // a pointer's, which was held
    press();
    setTimeout(release); // what gives way to it does so by then
  });
  const isMeant = ({ key, target }) => key === ' ' && (target === button || (everywhere && !target.closest(ELSEWHERE)));
  addEventListener('keydown', (event) => {
    if (!isMeant(event) || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser's own
    event.preventDefault(); // neither a scroll nor a click
    if (!event.repeat) press();
  });
  addEventListener('keyup', (event) => {
    if (!isMeant(event)) return;
    event.preventDefault();
    release();
  });
}
