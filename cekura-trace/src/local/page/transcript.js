// Makes the transcript beside the tree.

/** Characters of a line; the rest is in its span's details. */
const SHOWN = 700;
const WHO = { agent: 'Agent', tool: 'Tool', user: 'Caller' };

/**
 * `log` is the call log beside its transcript, as JSON, or `null`; `isHeard` says whether there is a recording, `chosen` is told
 * which line was clicked.
 */
function makeTranscript(lines, log, spans, isHeard, chosen) {
  const box = byId('lines-said');
  const byRow = new Map(lines.map((line, at) => [line.row, at]));
  const inTime = [...lines.keys()].sort((a, b) => lines[a].start - lines[b].start);
  const shown = [];
  let marked = null;
  let list = null;
  const making = gradually(box, lines.length, (at, group) => {
    const line = lines[at];
    const isNext = at === 0 || line.turn !== lines[at - 1].turn;
    if (isNext || list.parentNode !== group) {
      list = element('ol');
      group.append(...[isNext ? turnHeading(line.turn, spans, at === 0) : null, list].filter(Boolean));
    }
    shown.push(sayer(line, spans, isHeard));
    shown[at].addEventListener('click', () => chosen(line));
    list.append(element('li', {}, shown[at]));
  });
  if (lines.every(({ role }) => role === 'tool')) {
    const isOpen = spans.some(({ open }) => open);
    box.prepend(element('p', { class: 'note' }, isOpen ? 'No words have come yet.' : 'No words were recorded: nothing was said, or content is not captured.'));
  }
  if (log !== null) {
    const json = element('pre', { class: 'json' }, indented(log));
    box.after(element('details', {}, element('summary', {}, 'Call log'), copier('call log', indented(log), json), json));
  }
  const mark = (at) => {
    making.upTo(at + 1);
    if (marked === (shown[at] ?? null)) return;
    marked?.removeAttribute('aria-current');
    head.remove();
    marked = shown[at] ?? null;
    marked?.setAttribute('aria-current', 'true');
    if (marked) showLine(marked, byId('transcript'));
  };
  const head = element('i', { class: 'playhead', 'aria-hidden': 'true' });
  return {
    making,
    /** Brings what was said in a turn to the top. */
    show: (turn) => {
      const at = lines.findIndex((line) => line.turn === turn);
      if (at < 0) return;
      making.upTo(at + 1);
      const around = byId('transcript');
      const heading = shown[at].closest('ol').previousElementSibling ?? shown[at];
      if (getComputedStyle(around).overflowY === 'auto') around.scrollTop += heading.getBoundingClientRect().top - around.getBoundingClientRect().top;
    },
    /** Marks the line of a row, or none. */
    mark: (row) => mark(byRow.get(row) ?? -1),
    /** Marks the line in which a time is, and the place in it. */
    play: (time, length) => {
      const next = inTime.findIndex((at) => lines[at].start > time);
      const place = next < 0 ? inTime.length - 1 : next - 1;
      const at = inTime[place] ?? -1;
      mark(at);
      if (at < 0) return;
      const end = next < 0 ? length : lines[inTime[next]].start;
      head.style.transform = `translateY(${((time - lines[at].start) / Math.max(end - lines[at].start, 1)) * 100}%)`;
      marked.append(head);
    },
  };
}

/** Scrolls the transcript, and never the page around it. */
function showLine(line, box) {
  const [{ top, bottom }, around] = [line.getBoundingClientRect(), box.getBoundingClientRect()];
  const end = Math.min(around.bottom, innerHeight);
  if (top < around.top || bottom > end) box.scrollTop += top < around.top ? top - around.top : Math.min(bottom - end, top - around.top);
}

function turnHeading(turn, spans, isFirst) {
  if (turn === null) return isFirst ? null : element('h3', {}, 'Outside the turns');
  const span = spans[turn];
  return element(
    'h3', {}, capital(span.name),
    span.latency !== null ? element('span', { class: 'note' }, waited(span)) : null,
    endings(span).includes('interrupted') ? element('span', { class: 'interrupted' }, `${SIGNS.interrupted} interrupted`) : null,
  );
}

/** What a tool was given and what it gave. */
const said = (span) => span.words.flatMap(([look, text]) => (look === 'other' ? [text] : [])).join(' ');

/** Never half a character. */
function beginning(text) {
  return text.length > SHOWN ? `${text.slice(0, SHOWN).replace(/[\ud800-\udbff]$/, '')}…` : text;
}

function sayer(line, spans, isHeard) {
  const isButton = isHeard || line.row !== null;
  const span = line.row === null ? null : spans[line.row];
  const isOpen = spans[line.turn]?.open;
  const notes = [
    span?.interrupted ? element('span', { class: 'interrupted' }, `${SIGNS.interrupted} interrupted`) : null,
    line.role === 'agent' && span?.kind === 'llm' && !isOpen ? element('span', { class: 'note' }, 'written by the model, no voice recorded') : null,
    line.role === 'agent' && isOpen ? element('span', { class: 'note' }, 'the turn goes on: not all of it may be heard') : null,
    line.truncated ? element('span', { class: 'note' }, '✂ cut at the content limit') : null,
  ];
  const failed = span?.failed ? element('span', { class: 'error' }, `${SIGNS.failed} `, foreign(span.description || 'failed')) : null;
  return element(
    isButton ? 'button' : 'div', { type: isButton ? 'button' : null, class: `line ${line.role}` },
    element('span', { class: 'who' }, WHO[line.role], ' ', element('time', {}, moment(line.start))),
    element('span', { class: 'said', dir: 'auto' }, beginning(line.text)),
    line.text.length > SHOWN ? element('span', { class: 'note' }, `the first ${SHOWN} of ${line.text.length} characters`) : null,
    line.role === 'tool' && span && said(span) ? element('span', { class: 'words' }, foreign(said(span))) : null,
    failed,
    ...notes,
  );
}

