// The things that every part of the page does with its elements.

export const $ = (id) => document.getElementById(id);

// An element with properties, `data-` attributes among them, and children.
export function element(tag, { dataset, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

// Replaces the items of a list, to which new ones come first; the button in focus stays so.
export function refill(list, items) {
  const fromEnd = () => [...list.querySelectorAll('button')].reverse();
  const place = fromEnd().indexOf(document.activeElement);
  list.replaceChildren(...items);
  fromEnd()[place]?.focus({ preventScroll: true });
}
