// A button to hold, by pointer or space bar; a click that neither made is a press and a release.

const ELSEWHERE = 'a, button, input, summary, [tabindex]'; // the space bar has its own meaning there

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
