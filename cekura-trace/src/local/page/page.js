// Reads the page's data, makes its parts and connects them; in `cekura dev` it does so again whenever the call has changed.
// Invariant: what listens for a page that was made anew listens no more.

let view = null;

function makePage() {
  const data = JSON.parse(byId('data').textContent);

  const began = new Date(data.start);
  const call = data.call ?? 'Conversation without a call id';
  document.title = `${call} · ${began.toLocaleString()}`;
  byId('title').replaceChildren(foreign(call));
  byId('about').replaceChildren(
    // `cekura dev` has its own above.
    ...(data.list ? [element('a', { href: 'index.html', title: 'The list of the calls in the same folder' }, 'All calls')] : []),
    ...data.program.map(([title, value]) => element('span', {}, `${title} `, element('b', {}, foreign(value)))),
    element('time', { datetime: began.toISOString() }, began.toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'long' })),
    ...data.traces.flatMap((trace) => {
      const id = element('code', {}, trace);
      return [element('span', {}, 'trace ', id, ' ', copier('trace id', trace, id))];
    }),
  );
  if (data.spans.some(isStream)) {
    byId('timeline').classList.add('streamed');
    byId('legend').replaceChildren(element('i', { class: 'sample' }), 'waiting, then the first chunk');
  }

  const axis = makeAxis(data.length);
  const details = makeDetails(data.spans, data.start, (wasInside) => wasInside && tree.focus(tree.current() ?? 0));
  const transcript = makeTranscript(data.transcript, data.log, data.spans, data.recording !== null, (line) => {
    if (line.row !== null) tree.choose(line.row);
    sound?.playFrom(line.start);
  });
  const sound = makeSound(data.recording, data.unheard, data.length, axis, (time) => transcript.play(time, data.length));
  const logs = makeLogs(data.logs, sound?.playFrom ?? null);
  makeMarks(data.logs, data.length, axis, ({ at, start }, byKeyboard) => {
    logs.show(at);
    if (!byKeyboard) sound?.playFrom(start);
  });
  // A recording plays on the time of the call.
  const tree = makeTree(data.spans, axis, data.recording === null, {
    changed: (row) => {
      transcript.mark(row);
      if (details.isOpen()) details.fill(row);
    },
    opened: (row, byKeyboard) => {
      details.open(row, byKeyboard);
      tree.reveal();
      if (!byKeyboard) sound?.playFrom(data.spans[row].start);
    },
    spaced: sound?.toggle,
  });
  makeTotals(data, (row) => tree.focus(row));
  makeTurns(data, (row) => {
    tree.open(row);
    transcript.show(row);
  });
  view = makeView(tree, axis, details, keepGoing(data, tree));
  finish([tree.making, transcript.making, logs.making], sound);
}

function finish(makings, sound) {
  // Who prints or searches wants all of it.
  const makeAll = () => makings.forEach((making) => making.all());
  onWindow('beforeprint', makeAll);
  onWindow('keydown', (event) => (event.ctrlKey || event.metaKey) && event.key === 'f' && makeAll());
  Promise.all(makings.map((making) => making.whole)).then(() => {
    document.documentElement.dataset.ready = Math.round(performance.now());
    return sound?.waves();
  }).catch(() => {
    byId('status').textContent = 'The waves of the recording cannot be drawn.';
  });
}

makePage();
globalThis.view = {
  /** What goes on has gone on until then, in milliseconds since the Unix epoch. */
  stop: (until) => view.stop(until),
  /** These spans have ended, each with its id and its length in nanoseconds. All that is new comes soon. */
  end: (ended) => view.end(ended),
  /** Becomes the page that is written here, and is seen as it was. It runs nothing of it: the script is this one. */
  renew: (html) => {
    // The style in its head has another nonce.
    const page = new DOMParser().parseFromString(html.slice(html.indexOf('<body>')), 'text/html');
    for (const unused of page.querySelectorAll('script[type=module], noscript')) unused.remove();
    const seen = view.read();
    stopListening();
    document.body.replaceWith(document.adoptNode(page.body));
    makePage();
    view.show(seen);
  },
};
