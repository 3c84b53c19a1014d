// Makes the summary above the timeline from counts and percentiles.

/** Pixels that a tile wants. */
const TILE = 185;

/** `chosen` is told which row a person wants to see. */
function makeTotals(data, chosen) {
  const box = byId('totals');
  box.replaceChildren(...tiles(data, chosen).filter(Boolean));
  // As many in each row: none stands alone in the last one.
  const count = box.childElementCount;
  new ResizeObserver(() => {
    const rows = Math.ceil(count / Math.max(Math.floor(box.clientWidth / TILE), 1));
    box.style.setProperty('--tiles', Math.ceil(count / rows));
  }).observe(box);
  if (data.stages.length > 0) byId('stages').replaceChildren(stageTable(data, chosen));
}

function tile(title, value, note = null, attributes = {}) {
  return element('li', attributes, element('span', { class: 'title' }, title), element('span', { class: 'value' }, value), note);
}

/** A button that goes from one of its rows to the next. */
function finder(text, rows, chosen, label = null) {
  let next = 0;
  const button = element('button', { type: 'button', class: 'find', 'aria-label': label }, text);
  button.addEventListener('click', () => {
    chosen(rows[next % rows.length]);
    next += 1;
  });
  return button;
}

function tiles({ length, spans, totals, latencies, stages, parts, interruptions }, chosen) {
  const rows = (wanted) => spans.flatMap((span, at) => (wanted(span) ? [at] : []));
  const note = (text) => element('span', { class: 'note' }, text);
  const longest = stages.filter((stage) => stage.known).sort((a, b) => b.spread.most - a.spread.most)[0];
  const sums = parts.map((part) => ({ ...part, time: 0 }));
  for (const span of spans) for (const [place, time] of span.parts) sums[place].time += time;
  const waited = sums.reduce((sum, { time }) => sum + time, 0);
  const largest = [...sums].sort((a, b) => b.time - a.time)[0];
  const late = rows((span) => span.latency !== null && span.latency === latencies?.most);
  const failed = rows((span) => span.failed);
  return [
    tile('Duration', element('span', { id: 'duration' }, duration(length)), note(plural(spans.length, 'span'))),
    totals.turns > 0 ? tile('Turns', String(totals.turns), totals.tools > 0 ? note(plural(totals.tools, 'tool call')) : null) : null,
    latencies ? tile('Voice-to-voice', element('span', {}, duration(latencies.p50), ' ', note(`median of ${latencies.count}`)),
      element('span', {}, finder(`worst ${duration(latencies.most)}`, late, chosen), latencies.p95 === null ? '' : note(`, p95 ${duration(latencies.p95)}`)),
      { title: "From the caller's last word to the first audio of the answer" }) : null,
    waited > 0 ? tile('Callers wait for', element('span', {}, element('i', { class: `swatch ${largest.look}` }), largest.name),
      note(`${Math.round((largest.time / waited) * 100)} % of voice-to-voice`)) : null,
    longest ? tile('Longest span', longest.name, finder(duration(longest.spread.most), [longest.longest], chosen),
      { title: 'By whole spans: who speaks may do so as long as it plays' }) : null,
    totals.input + totals.output > 0 ? tile('Tokens', `${known(totals.input)} → ${known(totals.output)}`, note('in → out')) : null,
    totals.characters > 0 ? tile('Spoken', count(totals.characters), note('characters')) : null,
    failed.length > 0 ? tile('Failed', `${SIGNS.failed} ${failed.length}`, finder('show next', failed, chosen, 'Show the next failed span'), { class: 'failed' }) : null,
    interruptions.length > 0 ? tile('Interrupted', `${SIGNS.interrupted} ${interruptions.length}`,
      finder('show next', interruptions, chosen, 'Show the next interrupted span'), { class: 'interrupted' }) : null,
  ];
}

/** A count, where anybody has counted. */
const known = (number) => (number === null ? '?' : count(number));

function stageTable({ stages }, chosen) {
  const streamed = stages.some((stage) => stage.first);
  const cell = (text) => element('td', {}, text);
  const hasFailed = stages.some((stage) => stage.failed > 0);
  const heads = ['Stage', 'Spans', ...(hasFailed ? ['Failed'] : []), 'p50', 'p95', 'Longest', ...(streamed ? ['First chunk p50', 'p95'] : [])];
  const lines = stages.map(({ name, look, count: spans, failed, spread, first, longest }) => element(
    'tr', {},
    element('th', { scope: 'row' }, element('i', { class: `swatch ${look}` }), foreign(name)),
    cell(String(spans)),
    ...(hasFailed ? [element('td', {}, failed > 0 ? element('b', { class: 'sign failed' }, `${SIGNS.failed} ${failed}`) : '')] : []),
    cell(duration(spread.p50)),
    cell(spread.p95 === null ? '–' : duration(spread.p95)),
    element('td', {}, finder(duration(spread.most), [longest], chosen, `Show the longest ${name}, ${duration(spread.most)}`)),
    ...(streamed ? [cell(first ? duration(first.p50) : ''), cell(!first ? '' : first.p95 === null ? '–' : duration(first.p95))] : []),
  ));
  return element(
    'table', {},
    element('caption', {}, 'Time per stage ', element('span', { class: 'note' }, `${stages.some(({ name }) => name === 'stt') ? "stt from the caller's last word on, where that is known; " : ''}p95 of ${ENOUGH} values or more`)),
    element('thead', {}, element('tr', {}, ...heads.map((head) => element('th', { scope: 'col' }, head)))),
    element('tbody', {}, ...lines),
  );
}

