// Draws what goes on up to this moment, where `cekura dev` shows a call that runs. Invariant: what a person has opened, chosen or
// scrolled to stays so when the page is made anew.

/** Milliseconds between two drawings. */
const BEAT = 200;

/** Has bars and the duration grow; gives what stops them at a time. Whoever hears the page is told nothing of each change. */
function keepGoing({ spans, start, live }, tree) {
  const goesOn = live && spans.some(({ open }) => open);
  const grow = (now) => {
    byId('duration').textContent = duration(tree.grow((now - start) * 1e6));
  };
  const beat = goesOn ? setInterval(() => grow(Date.now()), BEAT) : null;
  const stop = () => clearInterval(beat);
  listening.signal.addEventListener('abort', stop);
  return (until) => {
    stop();
    if (goesOn) grow(until);
  };
}

/** Gives how a person sees the page, and has it seen like that. */
function makeView(tree, axis, details, stop) {
  const transcript = byId('transcript');
  const isAtEnd = (box) => box.scrollTop > 0 && box.scrollTop + box.clientHeight >= box.scrollHeight - 2;
  return {
    stop,
    end: (ended) => ended.forEach(([id, length]) => tree.end(id, length)),
    read: () => ({
      ...tree.view(),
      shown: axis.isAll() ? null : { ...axis.shown },
      details: details.view(),
      said: isAtEnd(transcript) ? 'end' : transcript.scrollTop,
      scrolled: [scrollX, scrollY],
    }),
    show: (seen) => {
      const row = tree.see(seen);
      if (seen.shown) axis.show(seen.shown.from, seen.shown.to);
      if (seen.details && row !== null) details.see(row, seen.details);
      transcript.scrollTop = seen.said === 'end' ? transcript.scrollHeight : seen.said;
      scrollTo(...seen.scrolled);
      if (seen.isFocused && row !== null) tree.focus(row);
    },
  };
}
