// Makes the list of what the program logged in the call, and marks each line on the time axis where it was said. Invariant: a
// mark stands where its line's time is, in whatever part of the axis is shown.

/** How a line looks that is not quiet. */
const LOUD = { ERROR: 'error', WARN: 'interrupted' };
/** Pixels around the pointer in which a line is meant. */
const NEAR = 6;

/** What a line says: when, how bad it is, what, and where from. */
function logged({ start, level, logger, message, fields }) {
  return [
    element('time', {}, start === null ? '' : moment(start)), ' ', element('span', { class: LOUD[level] ?? 'note' }, level), ' ',
    element('span', {}, foreign(beginning(message ?? ''))), ' ', element('span', { class: 'note' }, foreign(logger)), ' ',
    ...(fields ? [element('span', { class: 'fields' }, foreign(beginning(fields)))] : []),
  ];
}

/** `chosen` is told the time of a line that was clicked; `null` where there is nothing to hear. */
function makeLogs(logs, chosen) {
  byId('logs').hidden = logs.length === 0;
  byId('logs').querySelector('summary').textContent = plural(logs.length, 'log line');
  const lines = [];
  const making = gradually(byId('lines-logged'), logs.length, (at, group) => {
    const { start } = logs[at];
    const isButton = chosen !== null && start !== null;
    const line = element(
      isButton ? 'button' : 'div', { type: isButton ? 'button' : null, class: 'line log', tabindex: isButton ? null : -1 }, ...logged(logs[at]),
    );
    if (isButton) line.addEventListener('click', () => chosen(start));
    lines.push(line);
    group.append(line);
  });
  /** Goes to a line in the list. */
  const show = (at) => {
    const { position, visibility } = getComputedStyle(byId('transcript'));
    if (visibility === 'hidden') byId('close').click();
    making.upTo(at + 1);
    byId('logs').open = true;
    showLine(lines[at], byId('transcript'));
    lines[at].focus({ preventScroll: position === 'sticky' });
  };
  return { making, show };
}

/** Marks lines on the axis; the whole of them is one stop of the keyboard. `chosen` is told which one was chosen. */
function makeMarks(logs, length, axis, chosen) {
  const [lane, box] = [byId('marks'), byId('marked')];
  const marked = logs.map((line, at) => ({ ...line, at })).filter(({ start }) => start !== null).sort((a, b) => a.start - b.start);
  if (marked.length === 0) return;
  byId('logged').hidden = byId('log-keys').hidden = false;
  document.body.classList.add('with-marks');
  const place = ({ start }) => Math.min(Math.max(start, 0), length);
  const marks = marked.map((line) => {
    const mark = element('i', { class: `mark ${LOUD[line.level] ?? ''}` });
    mark.style.left = `${(place(line) / length) * 100}%`;
    return mark;
  });
  lane.firstElementChild.append(...marks);
  lane.setAttribute('aria-valuemax', marked.length);
  let current = 0;

  const hide = () => {
    marks[current].classList.remove('current');
    box.hidden = true;
  };
  /** Says one of them, and how many others stand too near to be told from it. */
  const say = (to, others = 0) => {
    hide();
    current = to;
    marks[to].classList.add('current');
    box.replaceChildren(...logged(marked[to]), ...(others > 0 ? [element('span', { class: 'note' }, ` and ${plural(others, 'other')} here`)] : []));
    box.hidden = false;
    const [around, mark] = [byId('logged').getBoundingClientRect(), marks[to].getBoundingClientRect()];
    const most = around.width - box.offsetWidth;
    // Moving it changes no layout.
    box.style.transform = `translateX(${Math.max(Math.min(mark.left - around.left - box.offsetWidth / 2, most), 0)}px)`;
    const { level, message } = marked[to];
    lane.setAttribute('aria-valuenow', to + 1);
    lane.setAttribute('aria-valuetext', `${moment(marked[to].start)} ${level}: ${beginning(message ?? '')}`);
  };
  /** Goes to one, which is in view then. */
  const go = (to) => {
    if (!marked[to]) return;
    const [{ from, to: end }, time] = [axis.shown, place(marked[to])];
    if (time < from || time > end) axis.pan((time - (from + end) / 2) / (end - from));
    say(to);
  };
  const isLoud = ({ level }) => level in LOUD;
  const keys = {
    ArrowDown: () => go(current + 1),
    ArrowLeft: () => go(current - 1),
    ArrowRight: () => go(current + 1),
    ArrowUp: () => go(current - 1),
    End: () => go(marked.length - 1),
    Enter: () => chosen(marked[current], true),
    Escape: hide,
    Home: () => go(0),
    PageDown: () => go(marked.findIndex((line, at) => at > current && isLoud(line))),
    PageUp: () => go(marked.findLastIndex((line, at) => at < current && isLoud(line))),
  };
  lane.addEventListener('keydown', (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  lane.addEventListener('focus', () => lane.matches(':focus-visible') && go(current));
  lane.addEventListener('blur', hide);
  /** Where the pointer is: the worst line that is near, and of several the nearest. */
  const point = ({ clientX }) => {
    const [from, time, to] = [-NEAR, 0, NEAR].map((by) => axis.time(clientX + by));
    const near = [...marked.keys()].filter((at) => place(marked[at]) >= from && place(marked[at]) <= to);
    const worth = (at) => ['WARN', 'ERROR'].indexOf(marked[at].level);
    near.sort((a, b) => worth(b) - worth(a) || Math.abs(place(marked[a]) - time) - Math.abs(place(marked[b]) - time));
    if (near.length > 0) say(near[0], near.length - 1);
    else hide();
    return near.length > 0;
  };
  lane.addEventListener('pointermove', point);
  lane.addEventListener('pointerleave', hide);
  lane.addEventListener('click', (event) => point(event) && chosen(marked[current], false));
}
