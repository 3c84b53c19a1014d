// Makes the table of turns: how long each caller waited and for what, the slowest first. Invariant: every turn can be reached, by
// keyboard too.

/** The most turns that are shown before somebody asks for all. */
const MOST_TURNS = 200;

/** `chosen` is told the row of a turn that a person wants to see. */
function makeTurns({ spans, parts, slow, transcript }, chosen) {
  const turns = spans.flatMap((span, at) => (span.kind === 'turn' ? [{ span, at }] : []));
  const words = new Map(transcript.filter(({ role }) => role === 'user').reverse().map(({ turn, text }) => [turn, text]));
  const inside = failedInside(spans, endsOf(spans));
  const worst = Math.max(...turns.map(({ span }) => span.latency ?? 0), 1);
  const used = parts.flatMap((part, place) => (turns.some(({ span }) => span.parts.some(([of, time]) => of === place && time >= 500_000)) ? [{ ...part, place }] : []));
  byId('turns').hidden = turns.length === 0;
  byId('parts').replaceChildren(...used.map(({ name, look }) => element('span', { class: 'part-name' }, element('i', { class: `swatch ${look}` }), name)));
  let [isByTime, isWhole] = [false, false];
  const line = (turn) => turnLine(turn, { used, parts, worst, slow, said: words.get(turn.at), inside: inside[turn.at] }, chosen);

  const show = () => {
    const slowest = [...turns].sort((a, b) => (b.span.latency ?? -1) - (a.span.latency ?? -1));
    const ordered = isByTime ? turns : slowest;
    const shown = isWhole ? ordered : ordered.slice(0, MOST_TURNS);
    const head = (title, ofTime) => {
      const button = element('button', { type: 'button', class: 'sort' }, title);
      button.addEventListener('click', () => {
        isByTime = ofTime;
        show();
        byId('turn-table').querySelector(ofTime ? '.sort' : 'th:nth-child(3) .sort').focus();
      });
      const sort = isByTime === ofTime ? (ofTime ? 'ascending' : 'descending') : null;
      return element('th', { scope: 'col', 'aria-sort': sort }, button);
    };
    const table = element('table', {},
      element('thead', {}, element('tr', {}, head('Turn', true), element('th', { scope: 'col' }, 'Began'), head('Voice-to-voice', false),
        element('th', { scope: 'col', class: 'stack' }, 'Waited for'), ...used.map(({ name }) => element('th', { scope: 'col', class: 'part' }, name)),
        element('th', { scope: 'col', class: 'said' }, 'The caller said'))),
      element('tbody', {}, ...shown.map(line)));
    table.querySelector('tbody button').setAttribute('tabindex', '0');
    byId('turn-table').replaceChildren(table, ...(shown.length < turns.length ? [all()] : []));
  };
  const all = () => {
    const button = element('button', { type: 'button' }, `Show all ${turns.length} turns`);
    button.addEventListener('click', () => {
      isWhole = true;
      show();
    });
    return button;
  };
  if (turns.length === 0) return;
  show();
  listenToTurnKeys(byId('turn-table'));
}

/** One stop for Tab, and the arrows from turn to turn. */
function listenToTurnKeys(box) {
  box.addEventListener('keydown', (event) => {
    const buttons = [...box.querySelectorAll('tbody button')];
    const at = buttons.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (!buttons[to]) return;
    buttons[at].setAttribute('tabindex', '-1');
    buttons[to].setAttribute('tabindex', '0');
    buttons[to].focus();
  });
}

/** The parts in words, the largest first. */
function partsOf(span, parts) {
  const largest = [...span.parts].filter(([, time]) => time * 20 >= span.latency).sort((a, b) => b[1] - a[1]);
  return largest.map(([place, time]) => `${parts[place].name} ${duration(time)}`).join(', ');
}

function turnLine({ span, at }, { used, parts, worst, slow, said, inside }, chosen) {
  const isSlow = span.latency !== null && span.latency > slow;
  const failed = span.failed || inside > 0;
  const button = element('button', { type: 'button', class: 'turn', tabindex: -1 }, foreign(span.name));
  const time = (place) => span.parts.find(([of]) => of === place)?.[1];
  const stack = element('span', { class: 'stacked', role: 'img', 'aria-label': partsOf(span, parts) || 'its parts are not known' },
    ...span.parts.map(([place, length]) => {
      const part = element('i', { class: `swatch ${parts[place].look}`, title: `${parts[place].name} ${duration(length)}` });
      part.style.flexGrow = length / 1e6;
      return part;
    }));
  stack.style.width = `${((span.latency ?? 0) / worst) * 100}%`;
  const line = element('tr', { class: isSlow ? 'slow-turn' : null },
    element('th', { scope: 'row' }, button, failed ? element('b', { class: 'sign failed' }, ` ${SIGNS.failed}`, element('span', { class: 'heard' }, 'failed')) : null,
      endings(span).includes('interrupted') ? element('b', { class: 'sign interrupted' }, ` ${SIGNS.interrupted}`, element('span', { class: 'heard' }, 'interrupted')) : null),
    element('td', {}, moment(span.start)),
    element('td', {}, span.latency === null ? '–' : duration(span.latency), isSlow ? element('b', { class: 'slow' }, ' slow') : null),
    element('td', { class: 'stack' }, stack, element('span', { class: 'note in-words' }, partsOf(span, parts))),
    ...used.map(({ place }) => element('td', { class: 'part' }, time(place) ? duration(time(place)) : '')),
    element('td', { class: 'said' }, said ? foreign(beginning(said)) : ''));
  line.addEventListener('click', () => chosen(at));
  return line;
}

