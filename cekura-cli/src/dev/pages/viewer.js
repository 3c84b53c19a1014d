// Keeps a page up to date. Invariant: what comes from the server is put in place as it is and never run.

const body = document.body;
let shown = body.dataset.revision;

/** Times in the reader's own zone. */
function localTimes(within) {
  for (const time of within.querySelectorAll('time[data-ms]')) {
    const date = new Date(Number(time.dataset.ms));
    time.dateTime = date.toISOString();
    time.textContent = time.matches('.clock') ? date.toLocaleTimeString() : date.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' });
  }
}

/** The list again, with the same question; what has the focus keeps it. */
async function updateList(revision) {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const calls = document.adoptNode(page.getElementById('calls'));
  const rows = (within) => new Set([...within.querySelectorAll('.choose input')].map(({ value }) => value));
  const [before, now] = [rows(byId('calls')), rows(calls)];
  const { href, value } = byId('calls').contains(document.activeElement) ? document.activeElement : {};
  localTimes(calls);
  byId('calls').replaceWith(calls);
  const isSame = (element) => element.href ? element.href === href : element.value === value;
  [...calls.querySelectorAll('a, input')].find(isSame)?.focus({ preventScroll: true });
  showChosen();
  const added = [...now].filter((call) => !before.has(call)).length;
  byId('live').textContent = added === 0 ? 'live' : `live, ${added === 1 ? 'a new call' : `${added} new calls`}`;
  shown = revision;
}

/** What is new of the call, put into its page, which is seen as it was. */
async function updateCall(revision) {
  const frame = document.querySelector('iframe');
  // The server may be away, or have no such call any more.
  const answer = await fetch(frame.src);
  if (!answer.ok) return;
  const page = await answer.text();
  if (frame.contentWindow.view) frame.contentWindow.view.renew(page);
  else await new Promise((done) => {
    frame.addEventListener('load', done, { once: true });
    frame.contentWindow.location.replace(frame.src);
  });
  shown = revision;
  byId('update').hidden = true;
}

/** Whether somebody is at something in the page of the call that a new one would take away. */
function isInUse() {
  const inner = document.querySelector('iframe').contentDocument;
  if (!inner) return false;
  const isPlaying = [...inner.querySelectorAll('audio')].some((sound) => !sound.paused);
  const isSelecting = inner.getSelection()?.isCollapsed === false;
  return isPlaying || isSelecting || !inner.activeElement?.matches('body, [role=treeitem], #details');
}

const isCall = body.classList.contains('call');
let latest = shown;
let isBusy = false;

async function changed() {
  if (isBusy || latest === shown) return;
  if (isCall && isInUse()) {
    byId('update').hidden = false;
    return;
  }
  isBusy = true;
  const revision = latest;
  const began = performance.now();
  await (isCall ? updateCall(revision) : updateList(revision)).catch(() => {});
  // A page, which may be large, is made for no more than half of the time. A server that is away is not asked all the time.
  const passed = performance.now() - began;
  setTimeout(() => {
    isBusy = false;
    changed();
  }, shown === revision ? Math.min(passed, 2000) : 1000);
}

localTimes(document);
byId('update')?.addEventListener('click', () => updateCall(latest));

/** How the call stands, and until when it went on, where it does no more. */
function showState(state, until) {
  const time = element('time', { class: 'clock', 'data-ms': until });
  byId('state').replaceChildren(state, ...(state === '' || until === null ? [] : [' ', time]));
  localTimes(byId('state'));
  if (until !== null) document.querySelector('iframe').contentWindow.view?.stop(until);
}

/** Calls go on in the list too. */
setInterval(() => {
  for (const time of document.querySelectorAll('[data-since]')) time.textContent = duration((Date.now() - time.dataset.since) * 1e6);
}, 1000);

/** Hears of changes. */
function listen() {
  const events = new EventSource(body.dataset.events);
  const isOver = () => isCall && byId('state').textContent === '';
  const showLive = () => { byId('live').textContent = isOver() ? 'live; the call has ended' : 'live'; };
  events.addEventListener('open', showLive);
  events.addEventListener('error', () => {
    byId('live').textContent = 'not live: the server does not answer';
  });
  events.addEventListener('message', (event) => {
    const { state, until, ended } = JSON.parse(event.data);
    latest = event.lastEventId;
    if (isCall) {
      showState(state, until);
      document.querySelector('iframe').contentWindow.view?.end(ended);
      showLive();
    }
    changed();
  });
  return events;
}

// A browser has six connections to one server, which are not for pages that nobody sees.
let events = body.dataset.events ? listen() : null;
document.addEventListener('visibilitychange', () => {
  events?.close();
  if (events && !document.hidden) events = listen();
});
