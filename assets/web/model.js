// What answers: figures from `/info`, and from the shipped model's report how it hears under conditions and its
// confusion matrix.

import { $, element, row } from './dom.js';
import { isKeyword, languageOf, name, number, percent, say } from './language.js';

// The shipped model's report, if that is the one that answers: another may be served.
export function reportOf({ training }, report) {
  if (!report) return undefined;
  const { data_digest, seed, epochs, validation } = report.training.training;
  const same = training?.data_digest === data_digest && training.seed === seed && training.epochs === epochs
    // The server reads and writes the number once more, which may change its last digit.
    && Math.abs(training.validation?.accuracy - validation.accuracy) < 1e-9;
  return same ? report : undefined;
}

export function showModel(info, report) {
  const { labels, multiply_adds, training, threshold } = info;
  const figures = training?.validation;
  const facts = [
    ['factWords', ...row(labels.filter(isKeyword))],
    report && ['factSize', say('weights', number(report.training.weights))],
    multiply_adds && ['factWork', say('megaMultiplyAdds', number(multiply_adds / 1e6, 1))],
    training && ['factTraining',
      // A mean of other models has no epochs of its own.
      say('clipsEpochs', number(training.n_clips), number(training.n_added), training.epochs ? number(training.epochs) : '')],
    figures && ['factAccuracy', say('onClips', percent(figures.accuracy, 2), number(figures.clips))],
    figures && ['factLost', percent(figures.keywords_lost)],
    figures && ['factTaken', percent(figures.others_accepted)],
    figures && ['factCalibration', percent(figures.expected_calibration_error, 2)],
    figures && ['factMeasured', measured(training)],
    ['factThreshold', percent(threshold)],
  ].filter(Boolean);
  $('facts').replaceChildren(...facts.flatMap(([key, ...value]) => [
    element('dt', { textContent: say(key) }), element('dd', {}, ...value),
  ]));
  $('conditions').hidden = !report?.conditions?.conditions.length;
  if (!$('conditions').hidden) $('conditionTable').replaceChildren(...conditions(report.conditions.conditions));
  $('confusion').hidden = !report;
  if (report) $('matrix').replaceChildren(...matrix(report.evaluation));
}

// On whose recordings the figures were measured, and on whose the choices were made.
function measured({ whole_validation: whole }) {
  if (!whole) return say('measuredTogether'); // a record from before the split was halved
  return say('measuredApart', percent(whole.accuracy, 2), number(whole.clips));
}

// A row for each condition, with a bar as long as the share of the commands that are heard.
function conditions(rows) {
  const head = ['conditionHeard', 'conditionAccepted', 'conditionWrong'].map((key) =>
    element('th', { scope: 'col', textContent: say(key) }));
  const body = rows.map(({ name, definition, commands, accepted, wrongly_accepted }) => {
    const heard = element('td', { textContent: percent(commands), className: 'heard' });
    heard.style.setProperty('--share', commands);
    return element('tr', {},
      element('th', { scope: 'row', textContent: say('conditionNames')[name] ?? definition }), heard,
      ...[accepted, wrongly_accepted].map((share) => element('td', { textContent: percent(share) })));
  });
  return [element('thead', {}, element('tr', {}, element('td'), ...head)), element('tbody', {}, ...body)];
}

const named = (label) => ({ textContent: name(label), lang: languageOf(label) });

function matrix({ labels, confusion }) {
  const head = labels.map((label) => element('th', { scope: 'col' }, element('span', named(label))));
  const rows = confusion.map((row, i) => {
    const sum = row.reduce((a, b) => a + b, 0);
    const cells = row.map((n, j) => {
      const cell = element('td', { textContent: n || '', className: i === j ? 'right' : 'wrong' });
      // The root, as a few errors among hundreds would not be seen.
      cell.style.setProperty('--share', Math.sqrt(n / sum));
      return cell;
    });
    return element('tr', {}, element('th', { scope: 'row', ...named(labels[i]) }), ...cells);
  });
  return [element('thead', {}, element('tr', {}, element('td'), ...head)), element('tbody', {}, ...rows)];
}
