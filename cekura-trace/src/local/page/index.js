// Lists the kept calls.

const { calls, slow } = JSON.parse(byId('data').textContent);
const briefs = calls.flatMap(({ brief }) => (brief ? [brief] : []));
const sum = (of) => briefs.reduce((all, brief) => all + of(brief), 0);
const milliseconds = (time) => duration(time * 1e6);

const times = briefs.flatMap(({ latencies }) => latencies).sort((a, b) => a - b);
const tile = (title, value, note) => element('li', {},
  element('span', { class: 'title' }, title), element('span', { class: 'value' }, value), element('span', { class: 'note' }, note));
const measured = plural(sum((brief) => brief.measured), 'turn');
byId('about').append(calls.length === 0 ? 'No call is kept.' : `${plural(calls.length, 'page')}, the newest first`);
byId('totals').append(...[
  tile('Calls', String(calls.length), plural(sum(({ turns }) => turns), 'turn')),
  times.length > 0 ? tile('Voice-to-voice, median', milliseconds(rank(times, 50)), `p50 of ${measured}`) : null,
  times.length > 0 ? tile('Voice-to-voice, p95', times.length >= ENOUGH ? milliseconds(rank(times, 95)) : '–',
    times.length >= ENOUGH ? `of ${measured}` : `needs ${ENOUGH} turns, there are ${times.length}`) : null,
  tile('Failed', String(sum(({ failed }) => failed)), `in ${plural(briefs.filter(({ failed }) => failed > 0).length, 'call')}`),
].filter(Boolean));

/** The columns: title, what a row is sorted by, what it shows. */
const COLUMNS = [
  ['Call', (call) => call.page, ({ page, brief }) => element('a', { href: page }, foreign(brief?.call ?? page))],
  ['Began', ({ brief }) => brief?.start ?? 0, ({ brief }) => (brief ? new Date(brief.start).toLocaleString() : '')],
  ['Duration', ({ brief }) => brief?.length ?? -1, ({ brief }) => (brief ? duration(brief.length) : '')],
  ['Turns', ({ brief }) => brief?.turns ?? -1, ({ brief }) => String(brief?.turns ?? '')],
  ['Voice-to-voice, median', ({ brief }) => rank(brief?.latencies ?? [], 50) ?? -1,
    ({ brief }) => (brief?.latencies.length > 0 ? milliseconds(rank(brief.latencies, 50)) : '')],
  ['Worst', ({ brief }) => brief?.latencies.at(-1) ?? -1, ({ brief }) => (brief?.latencies.length > 0 ? element('span', {},
    milliseconds(brief.latencies.at(-1)), ' ', element('span', { class: 'note' }, 'in ', foreign(brief.worst)),
    brief.latencies.at(-1) * 1e6 > slow ? element('b', { class: 'slow' }, ' slow') : '') : '')],
  ['Failed', ({ brief }) => brief?.failed ?? -1, ({ brief }) => (brief?.failed > 0 ? element('b', { class: 'sign failed' }, `✗ ${brief.failed}`) : '')],
  ['Interrupted', ({ brief }) => brief?.interrupted ?? -1, ({ brief }) => (brief?.interrupted > 0 ? `■ ${brief.interrupted}` : '')],
  ['Program', ({ brief }) => brief?.program ?? '', ({ brief }) => foreign(brief?.program ?? '')],
];

let [sorted, isDown] = [1, true];
function show() {
  const by = COLUMNS[sorted][1];
  const ordered = [...calls].sort((a, b) => (by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0) * (isDown ? -1 : 1));
  const head = ([title], at) => {
    const button = element('button', { type: 'button', class: 'sort' }, title);
    button.addEventListener('click', () => {
      [sorted, isDown] = [at, sorted === at ? !isDown : true];
      show();
      byId('calls').querySelectorAll('.sort')[at].focus();
    });
    return element('th', { scope: 'col', 'aria-sort': sorted === at ? (isDown ? 'descending' : 'ascending') : null }, button);
  };
  const line = (call) => element('tr', {}, ...COLUMNS.map(([, , shown], at) => element(at === 0 ? 'th' : 'td', { scope: at === 0 ? 'row' : null }, shown(call))));
  byId('calls').replaceChildren(element('table', {},
    element('thead', {}, element('tr', {}, ...COLUMNS.map(head))), element('tbody', {}, ...ordered.map(line))));
}
if (calls.length > 0) show();
document.documentElement.dataset.ready = Math.round(performance.now());
