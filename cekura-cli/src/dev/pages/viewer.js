// Keeps a page up to date. Invariant: what comes from the server is put in place as it is and never run.

const byId = (id) => document.getElementById(id);
const body = document.body;
let shown = body.dataset.revision;

/** Times in the reader's own zone. */
function localTimes(within) {
  for (const time of within.querySelectorAll('time[data-ms]')) {
    const date = new Date(Number(time.dataset.ms));
    time.dateTime = date.toISOString();
    time.textContent = date.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' });
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

/** The page of the call again, in place of the one before when it is whole; it is seen as that one was. */
function updateCall(revision) {
  const old = document.querySelector('iframe:not(.next)');
  document.querySelector('iframe.next')?.remove();
  const next = old.cloneNode();
  next.classList.add('next');
  return new Promise((done) => {
    next.addEventListener('load', () => {
      // The server may be away, or have no such call any more.
      if (!next.contentDocument?.getElementById('data')) {
        next.remove();
        setTimeout(done, 1000);
        return;
      }
      const seen = old.contentWindow.view?.read();
      next.classList.remove('next');
      old.remove();
      if (seen) next.contentWindow.view?.show(seen);
      shown = revision;
      byId('update').hidden = true;
      done();
    }, { once: true });
    byId('frames').append(next);
  });
}

/** Whether somebody is at something in the page of the call that a new one would take away. */
function isInUse() {
  const inner = document.querySelector('iframe:not(.next)')?.contentDocument;
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
  try {
    await (isCall ? updateCall(revision) : updateList(revision));
  } finally {
    // Making a page, which may be large, takes no more than half of the time. A server that is away is not asked all the time.
    setTimeout(() => {
      isBusy = false;
      changed();
    }, Math.min(Math.max(100, performance.now() - began), 2000));
  }
}

localTimes(document);
byId('update')?.addEventListener('click', () => updateCall(latest));

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
    const { state } = JSON.parse(event.data);
    latest = event.lastEventId;
    if (isCall) {
      byId('state').textContent = state;
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
