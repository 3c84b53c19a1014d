// Makes the tree of rows, in which exactly one row is the current one.

/** The most bars that a folded row shows of those below it. */
const ECHOES = 300;

/**
 * `changed` is told which row has become current, `opened` which row is to be shown in detail and whether the
 * keyboard said so. `byTurn` says that each turn is drawn from its own begin at first. `spaced` is told of the space bar, where that opens nothing.
 */
function makeTree(spans, axis, byTurn, { changed, opened, spaced }) {
  const tree = byId('tree');
  const ends = endsOf(spans);
  const inside = failedInside(spans, ends);
  const places = placesOf(spans);
  const { bases, longest } = basesOf(spans);
  const call = axis.shown.to;
  let isByTurn = byTurn && longest !== null;
  let length = isByTurn ? longest : call;
  /** A span where it is drawn: from the begin of the call, or of its turn. */
  const drawn = (at) => (isByTurn ? { ...spans[at], start: spans[at].start - bases[at] } : spans[at]);
  const isParent = (at) => spans[at + 1]?.depth > spans[at].depth;
  const rows = [];
  const making = gradually(tree, spans.length, (at, group) => {
    rows.push(row(spans[at], at, bar(drawn(at), length), inside[at], places[at], isParent(at)));
    group.append(rows[at]);
  });
  const folded = new Set();
  let current = null;
  rows[0]?.setAttribute('tabindex', '0');

  const refresh = () => {
    making.all();
    let hiddenBelow = Infinity;
    spans.forEach((span, at) => {
      if (span.depth <= hiddenBelow) hiddenBelow = Infinity;
      rows[at].hidden = hiddenBelow !== Infinity;
      if (hiddenBelow === Infinity && folded.has(at)) hiddenBelow = span.depth;
      if (isParent(at)) showFold(at);
    });
    [...tree.children].forEach((group) => expect(group, [...group.children].filter((each) => !each.hidden).length));
    byId('fold').textContent = foldable().some((at) => !folded.has(at)) ? 'Fold turns' : 'Unfold turns';
  };
  /** What a folded row hides stands in its own lane, smaller. */
  const showFold = (at) => {
    rows[at].setAttribute('aria-expanded', String(!folded.has(at)));
    const strip = rows[at].querySelector('.strip');
    const isShown = strip.childElementCount > 1;
    if (isShown === folded.has(at)) return;
    if (isShown) return strip.replaceChildren(strip.firstChild);
    const below = [];
    for (let row = at + 1; row < ends[at] && below.length < ECHOES; row += 1) if (spans[row].look !== 'frame') below.push(row);
    strip.append(...below.map((row) => bar(drawn(row), length)));
    [...strip.children].slice(1).forEach((echo) => echo.classList.add('echo'));
  };
  /** Draws each turn from its own begin, or all from that of the call. */
  const draw = () => {
    isByTurn = !isByTurn;
    length = isByTurn ? longest : call;
    rows.forEach((each, at) => {
      each.querySelector('.strip').replaceChildren(bar(drawn(at), length));
      if (isParent(at)) showFold(at);
    });
    measure();
  };
  const measure = () => {
    document.body.classList.toggle('by-turn', isByTurn);
    byId('own').setAttribute('aria-pressed', String(isByTurn));
    axis.measure(length);
  };
  byId('own').hidden = longest === null;
  byId('own').addEventListener('click', draw);
  if (isByTurn) measure();
  const fold = (at, isFolded) => {
    if (!isParent(at)) return;
    if (isFolded) folded.add(at); else folded.delete(at);
    if (isFolded && current !== null && parents(current).includes(at)) choose(at);
    refresh();
  };
  const parents = (at) => {
    const found = [];
    for (let above = at - 1, depth = spans[at].depth; above >= 0 && depth > 0; above -= 1) {
      if (spans[above].depth < depth) {
        found.push(above);
        depth = spans[above].depth;
      }
    }
    return found;
  };
  const foldable = () => {
    const turns = spans.flatMap((span, at) => (span.kind === 'turn' && isParent(at) ? [at] : []));
    const lesser = spans.flatMap((span, at) => (span.depth === 1 && isParent(at) ? [at] : []));
    return turns.length > 0 ? turns : lesser;
  };

  /** Makes a row current, unfolding what hides it. */
  const choose = (at) => {
    const hiding = parents(at).filter((above) => folded.has(above));
    hiding.forEach((above) => folded.delete(above));
    if (hiding.length > 0) refresh();
    making.upTo(at + 1);
    const before = rows[current ?? 0];
    before.setAttribute('aria-selected', 'false');
    before.setAttribute('tabindex', '-1');
    current = at;
    rows[at].setAttribute('aria-selected', 'true');
    rows[at].setAttribute('tabindex', '0');
    changed(at);
    reveal();
  };
  const reveal = () => rows[current].scrollIntoView({ block: 'nearest' });
  const focus = (at) => {
    choose(at);
    rows[at].focus({ preventScroll: true });
  };

  byId('fold').addEventListener('click', () => {
    const turns = foldable();
    const isFolding = turns.some((at) => !folded.has(at));
    turns.forEach((at) => (isFolding ? folded.add(at) : folded.delete(at)));
    const hiding = isFolding && current !== null && parents(current).find((above) => folded.has(above));
    if (typeof hiding === 'number') choose(hiding);
    refresh();
  });
  tree.addEventListener('click', (event) => {
    const clicked = event.target.closest('.row');
    if (!clicked) return;
    const at = rows.indexOf(clicked);
    const isToggle = event.target.closest('.toggle') && isParent(at);
    if (isToggle) fold(at, !folded.has(at));
    focus(at);
    if (!isToggle) opened(at, false);
  });
  tree.addEventListener('keydown', (event) => {
    const at = rows.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = (by) => {
      let to = at + by;
      making.upTo(to + 1);
      while (rows[to]?.hidden) to += by;
      if (rows[to]) focus(to);
    };
    const last = () => {
      making.all();
      return rows.findLastIndex((each) => !each.hidden);
    };
    const middle = drawn(at).start + spans[at].length / 2;
    const inward = () => (folded.has(at) ? fold(at, false) : isParent(at) && focus(at + 1));
    const outward = () => (isParent(at) && !folded.has(at) ? fold(at, true) : spans[at].depth > 0 && focus(parents(at)[0]));
    const keys = {
      ArrowDown: () => next(1),
      ArrowUp: () => next(-1),
      ArrowRight: () => (event.shiftKey ? axis.pan(1 / 4) : inward()),
      ArrowLeft: () => (event.shiftKey ? axis.pan(-1 / 4) : outward()),
      Home: () => focus(0),
      End: () => focus(last()),
      Enter: () => (choose(at), opened(at, true)),
      ' ': () => (spaced ? spaced() : (choose(at), opened(at, true))),
      '+': () => axis.zoom(2, middle),
      '=': () => axis.zoom(2, middle),
      '-': () => axis.zoom(1 / 2, middle),
      '0': () => axis.all(),
      z: () => frame(drawn(at), axis),
      Z: () => frame(drawn(at), axis),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  byId('fold').hidden = foldable().length === 0;
  /** Brings a row to the top, unfolded, and shows its time. */
  const open = (at) => {
    if (folded.has(at)) fold(at, false);
    focus(at);
    frame(drawn(at), axis);
    rows[at].scrollIntoView({ block: 'start' });
  };
  /** Draws what goes on up to `now`; gives when the last span of all ends by then. */
  const grow = (now) => {
    const going = [...spans.keys()].filter((at) => spans[at].open);
    for (const at of going) {
      spans[at].length = Math.max(now - spans[at].start, 0);
      if (!rows[at]) continue;
      rows[at].querySelector('.bar').style.width = `${(spans[at].length / length) * 100}%`;
      rows[at].querySelector('.time').textContent = duration(spans[at].length);
    }
    const ends = going.filter((at) => !isByTurn || spans[at].kind === 'turn').map((at) => drawn(at).start + spans[at].length);
    axis.grow(Math.max(0, ...ends));
    return spans.reduce((last, { start, length: passed }) => Math.max(last, start + passed), 0);
  };
  /** A span that was open has ended. */
  const end = (id, passed) => {
    const at = spans.findIndex((span) => span.open && span.id === id);
    if (!rows[at]) return;
    Object.assign(spans[at], { open: false, length: passed });
    rows[at].querySelector('.bar').replaceWith(bar(drawn(at), length));
    rows[at].querySelector('.time').textContent = duration(passed);
    rows[at].ariaLabel = sentence(spans[at], inside[at]);
  };
  const view = () => ({
    isByTurn,
    folded: [...folded].map((at) => spans[at].id),
    row: spans[current]?.id ?? null,
    isFocused: document.activeElement?.closest('.row') !== null && tree.contains(document.activeElement),
  });
  /** Has it seen like another one; gives the row that was chosen there. */
  const see = (seen) => {
    if (seen.isByTurn !== isByTurn && longest !== null) draw();
    spans.forEach(({ id }, at) => seen.folded.includes(id) && isParent(at) && folded.add(at));
    if (folded.size > 0) refresh();
    const at = spans.findIndex(({ id }) => id === seen.row);
    if (at >= 0) choose(at);
    return at < 0 ? null : at;
  };
  return { choose, focus, open, reveal, current: () => current, making, grow, end, view, see };
}

/** For each span the begin of its turn, or of what it is in beside the turns; and how long the longest turn is, where there are several. */
function basesOf(spans) {
  let [inside, base, longest, turns] = [null, 0, 1, 0];
  const bases = spans.map(({ depth, kind, start, length }) => {
    if (inside !== null && depth > inside) return base;
    const isTurn = kind === 'turn';
    inside = isTurn || depth > 0 ? depth : null;
    base = start;
    turns += Number(isTurn);
    if (isTurn) longest = Math.max(longest, length);
    return base;
  });
  return { bases, longest: turns > 1 ? longest : null };
}

/** Shows a span and a little of what is around it. */
function frame(span, axis) {
  const margin = Math.max(span.length, 1) / 10;
  axis.show(span.start - margin, span.start + span.length + margin);
}

/** Says of each row which of its siblings it is. */
function placesOf(spans) {
  const open = [];
  return spans.map(({ depth }, at) => {
    open.length = Math.min(open.length, depth + 1);
    while (open.length <= depth) open.push([]);
    open[depth].push(at);
    return { at: open[depth].length, of: open[depth] };
  });
}

