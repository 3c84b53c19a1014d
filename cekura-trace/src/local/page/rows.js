// Makes the row of one span in the tree. Which rows are folded or selected is decided in tree.js.

const SIGNS = { failed: '✗', interrupted: '■' };

/** What a span's end was, in words; empty for an ordinary one. */
function endings(span) {
  const cut = span.interrupted || span.cut;
  return [span.failed && 'failed', cut && 'interrupted'].filter(Boolean);
}

/** How long the caller waited for the answer in a turn. */
const waited = (span) => `voice-to-voice ${duration(span.latency)}`;

/** A span in one sentence, for those who do not see its bar. */
function sentence(span, inside) {
  const said = [
    span.service ? `${span.name} ${span.service}` : span.name,
    span.open ? 'goes on' : duration(span.length),
    `at ${moment(span.start)}`,
    span.first ? `${span.first.name} after ${duration(span.first.after)}` : null,
    span.waited ? 'nothing came' : null,
    span.latency !== null ? waited(span) : null,
    ...endings(span),
    inside > 0 ? `${inside} failed inside` : null,
    span.failed && span.description ? span.description.slice(0, 200) : null,
  ];
  return said.filter(Boolean).join(', ');
}

/** Whether its bar has a hollow part. */
const isStream = (span) => (span.first || span.waited) && span.look !== 'frame';

function signs(span) {
  return endings(span).map((ending) => element('b', { class: `sign ${ending}` }, SIGNS[ending]));
}

/** A bar from a span's start to its end: hollow until the first chunk, if one came, and full after it. */
function bar(span, length) {
  const made = element('span', { class: `bar ${span.look}` }, ...signs(span));
  const from = Math.max(span.start, 0);
  const to = Math.min(span.start + span.length, length);
  if (span.open) made.classList.add('open');
  if (span.start < 0) made.classList.add('earlier');
  if (span.start + span.length > length) made.classList.add('later');
  made.style.left = `${(Math.min(from, length) / length) * 100}%`;
  made.style.width = `${(Math.max(to - from, 0) / length) * 100}%`;
  if (isStream(span)) {
    const after = span.first ? span.first.after : span.length;
    const wait = Math.min(Math.max((span.start + after - from) / Math.max(to - from, 1), 0), 1);
    const waiting = element('i', { class: 'wait' });
    waiting.style.width = `${wait * 100}%`;
    made.classList.add('streamed');
    made.prepend(waiting, ...(span.first ? [element('i', { class: 'work' })] : []));
  }
  return made;
}

/** For each span the first one after it that is not below it. */
function endsOf(spans) {
  const open = [];
  const ends = spans.map(() => spans.length);
  spans.forEach(({ depth }, at) => {
    while (open.length > 0 && spans[open.at(-1)].depth >= depth) ends[open.pop()] = at;
    open.push(at);
  });
  return ends;
}

/** For each span how many of those below it failed. */
function failedInside(spans, ends) {
  const failed = [0];
  spans.forEach((span, at) => failed.push(failed[at] + Number(span.failed)));
  return ends.map((end, at) => failed[end] - failed[at + 1]);
}

/** `place` says which of its siblings it is, and of how many. */
function row(span, at, drawn, inside, place, isParent) {
  const ends = endings(span);
  const name = element(
    'span', { class: 'name', title: [span.name, span.service].filter(Boolean).join(' ') },
    element('i', { class: 'toggle' }),
    element('i', { class: `swatch ${span.look}` }),
    element('span', { class: 'label' }, foreign(span.name)),
    ...signs(span),
    inside > 0 ? element('span', { class: 'inside' }, `${SIGNS.failed} ${inside} inside`) : null,
    span.service ? element('span', { class: 'service' }, foreign(span.service)) : null,
    span.latency !== null ? element('span', { class: 'service latency' }, waited(span)) : null,
  );
  name.style.setProperty('--depth', Math.min(span.depth, 12));
  const errorFirst = [...span.words].sort((a, b) => (b[0] === 'error') - (a[0] === 'error'));
  const words = errorFirst.map(([look, text]) => element('span', { class: look }, foreign(text), ' '));
  return element(
    'div',
    {
      id: `span-${at}`, class: ['columns row', ...ends].join(' '), role: 'treeitem', tabindex: -1,
      'aria-level': span.depth + 1, 'aria-posinset': place.at, 'aria-setsize': place.of.length,
      'aria-expanded': isParent ? 'true' : null, 'aria-selected': 'false', 'aria-label': sentence(span, inside),
    },
    name,
    element('span', { class: 'lane' }, element('span', { class: 'strip' }, drawn)),
    element('span', { class: 'first', title: span.first?.name }, span.first ? duration(span.first.after) : ''),
    element('span', { class: 'time' }, duration(span.length)),
    element('span', { class: 'counts' }, span.counts),
    element('span', { class: 'words' }, ...words),
  );
}

