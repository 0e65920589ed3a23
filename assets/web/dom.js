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
