// Lines of a transcript come in, the transcript beside the tree goes out. Nothing here knows bars or details.

const WHO = { agent: 'Agent', tool: 'Tool', user: 'Caller' };

function makeTranscript(lines, spans, chosen) {
  const box = byId('lines-said');
  const byRow = new Map();
  let marked = null;
  let turn;
  let list = null;
  for (const line of lines) {
    if (list === null || line.turn !== turn) {
      turn = line.turn;
      list = element('ol');
      box.append(...[turnHeading(turn, spans, box.childElementCount === 0), list].filter(Boolean));
    }
    const said = sayer(line, spans);
    if (line.row !== null) {
      byRow.set(line.row, said);
      said.addEventListener('click', () => chosen(line.row));
    }
    list.append(element('li', {}, said));
  }
  if (lines.length === 0) {
    box.append(element('p', { class: 'note' }, 'No words were recorded: the call had none, or its content was not captured.'));
  }
  return {
    /** Marks the line of a row, or none. */
    mark: (row) => {
      marked?.removeAttribute('aria-current');
      marked = byRow.get(row) ?? null;
      marked?.setAttribute('aria-current', 'true');
      if (marked && byId('transcript').scrollHeight > byId('transcript').clientHeight) {
        marked.scrollIntoView({ block: 'nearest' });
      }
    },
  };
}

function turnHeading(turn, spans, isFirst) {
  if (turn === null) return isFirst ? null : element('h3', {}, 'Outside the turns');
  const { name, answer, interrupted, cut } = spans[turn];
  return element(
    'h3', {}, name[0].toUpperCase() + name.slice(1),
    answer !== null ? element('span', { class: 'note' }, `answered after ${duration(answer)}`) : null,
    interrupted || cut ? element('span', { class: 'interrupted' }, `${SIGNS.interrupted} interrupted`) : null,
  );
}

function sayer(line, spans) {
  const span = line.row === null ? null : spans[line.row];
  const notes = [
    span?.interrupted ? element('span', { class: 'interrupted' }, `${SIGNS.interrupted} interrupted`) : null,
    line.role === 'agent' && span?.kind === 'llm' ? element('span', { class: 'note' }, 'written by the model, no voice recorded') : null,
    line.truncated ? element('span', { class: 'note' }, '✂ cut at the content limit') : null,
  ];
  const failed = span?.failed ? element('span', { class: 'error' }, `${SIGNS.failed} `, foreign(span.description || 'failed')) : null;
  return element(
    line.row === null ? 'div' : 'button', { type: line.row === null ? null : 'button', class: `line ${line.role}` },
    element('span', { class: 'who' }, WHO[line.role], ' ', element('time', {}, moment(line.start))),
    element('span', { class: 'said', dir: 'auto' }, line.text),
    failed,
    ...notes,
  );
}

