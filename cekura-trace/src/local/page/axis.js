// Turns gestures into the part of the time axis that is shown.

/** The deepest zoom: beyond it a bar would be wider than browsers can count. */
const DEEPEST = 5_000;
/** Pixels that a tick's label wants. */
const TICK = 80;
/** Pixels of one of its characters. */
const LETTER = 8;
/** Pixels after which a press is a drag. */
const DRAG = 4;

function makeAxis(whole) {
  // What the places of bars are relative to, and what there is to see, which grows while a call runs.
  let length = whole;
  let end = whole;
  const timeline = byId('timeline');
  const ticks = byId('ticks');
  const lines = byId('lines');
  const shown = { from: 0, to: length };

  const step = (width) => {
    const least = (shown.to - shown.from) / Math.max(width / TICK, 2);
    const round = [1, 2, 5].flatMap((digit) => [...Array(10).keys()].map((power) => digit * 10 ** power));
    const clock = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((seconds) => seconds * 1e9);
    const steps = [...round.filter((each) => each < 1e9), ...clock].sort((a, b) => a - b);
    return steps.find((each) => each >= least) ?? Math.ceil(least / 3.6e12) * 3.6e12;
  };

  const rule = () => {
    const width = ticks.clientWidth;
    const span = shown.to - shown.from;
    const each = step(width);
    const marks = [];
    const rules = [];
    for (let time = Math.ceil(shown.from / each) * each; time < shown.to; time += each) {
      const left = ((time - shown.from) / span) * 100;
      const label = tick(time, each);
      const mark = element('span', {}, label);
      const line = element('i');
      mark.style.left = line.style.left = `${left}%`;
      if ((left / 100) * width < width - label.length * LETTER) marks.push(mark);
      rules.push(line);
    }
    ticks.replaceChildren(...marks);
    lines.replaceChildren(...rules);
  };

  const show = (from, to) => {
    const span = Math.min(Math.max(to - from, length / DEEPEST, 1), end);
    shown.from = Math.min(Math.max(from + (to - from - span) / 2, 0), end - span);
    shown.to = shown.from + span;
    timeline.style.setProperty('--zoom', length / span);
    timeline.style.setProperty('--shift', -shown.from / span);
    byId('in').disabled = span <= length / DEEPEST;
    say('polite');
    redraw();
  };
  /** Which part is shown; `live` says whether that is to be heard. */
  const say = (live) => {
    byId('range').ariaLive = live;
    const span = shown.to - shown.from;
    const isAll = span >= end;
    byId('range').textContent = isAll ? '' : `${tick(Math.round(shown.from), span / 10)} to ${tick(shown.to, span / 10)} of ${duration(end)}`;
    for (const id of ['earlier', 'later', 'out', 'all']) byId(id).disabled = isAll;
  };
  const redraw = () => {
    rule();
    axis.drawn();
  };

  const axis = {
    shown,
    /** Told when another part is shown, or in another size. */
    drawn: () => {},
    show,
    all: () => show(0, end),
    isAll: () => shown.to - shown.from >= end,
    /** There is more to see. */
    grow: (to) => {
      const wasAll = axis.isAll();
      if (to > end) end = to;
      if (wasAll) axis.all();
      else say('off');
    },
    /** Makes it an axis of another length, and shows all of it. */
    measure: (other) => {
      length = end = other;
      show(0, end);
    },
    /** Zooms by a factor around a time, which stays where it is. */
    zoom: (factor, around = (shown.from + shown.to) / 2) => {
      const held = Math.min(Math.max(around, shown.from), shown.to);
      show(held - (held - shown.from) / factor, held + (shown.to - held) / factor);
    },
    /** Moves by a share of what is shown. */
    pan: (share) => {
      const by = (shown.to - shown.from) * share;
      const kept = Math.min(Math.max(by, -shown.from), end - shown.to);
      show(shown.from + kept, shown.to + kept);
    },
    /** The time at a place on the screen. */
    time: (x) => {
      const { left, width } = ticks.getBoundingClientRect();
      return shown.from + (Math.min(Math.max((x - left) / width, 0), 1)) * (shown.to - shown.from);
    },
  };
  new ResizeObserver(redraw).observe(ticks);
  listenToButtons(axis);
  listenToWheel(axis, timeline);
  listenToDrag(axis, timeline, lines);
  axis.all();
  return axis;
}

function listenToButtons(axis) {
  byId('in').addEventListener('click', () => axis.zoom(2));
  byId('out').addEventListener('click', () => axis.zoom(1 / 2));
  byId('earlier').addEventListener('click', () => axis.pan(-1 / 2));
  byId('later').addEventListener('click', () => axis.pan(1 / 2));
  byId('all').addEventListener('click', () => axis.all());
}

function listenToWheel(axis, timeline) {
  const wheel = (event) => {
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      axis.zoom(2 ** (-event.deltaY / 200), axis.time(event.clientX));
    } else if (sideways && !byId('all').disabled && event.target.closest('.lane')) {
      axis.pan(sideways / 1000);
    } else {
      return;
    }
    event.preventDefault();
  };
  timeline.addEventListener('wheel', wheel, { passive: false });
}

/** A drag over the bars shows what lies between its ends. A finger's drag scrolls the page instead. */
function listenToDrag(axis, timeline, lines) {
  let pressed = null;
  const mark = element('i', { class: 'dragged' });
  const isDrag = (event) => pressed !== null && Math.abs(event.clientX - pressed) > DRAG;
  timeline.addEventListener('pointerdown', (event) => {
    const isMine = event.button === 0 && event.pointerType !== 'touch' && event.target.closest('.lane');
    pressed = isMine ? event.clientX : null;
  });
  onWindow('pointermove', (event) => {
    if (!isDrag(event)) return;
    const [from, to] = [axis.time(pressed), axis.time(event.clientX)].sort((a, b) => a - b);
    const span = axis.shown.to - axis.shown.from;
    mark.style.left = `${((from - axis.shown.from) / span) * 100}%`;
    mark.style.width = `${((to - from) / span) * 100}%`;
    lines.append(mark);
    timeline.classList.add('dragging');
  });
  onWindow('pointerup', (event) => {
    const ends = isDrag(event) ? [axis.time(pressed), axis.time(event.clientX)].sort((a, b) => a - b) : null;
    pressed = null;
    mark.remove();
    if (!ends) return;
    // The click that follows a drag is none.
    addEventListener('click', (click) => click.stopPropagation(), { capture: true, once: true });
    setTimeout(() => timeline.classList.remove('dragging'));
    axis.show(...ends);
  });
}

