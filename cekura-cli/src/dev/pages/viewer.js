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
  const { href, value } = document.activeElement ?? {};
  localTimes(calls);
  byId('calls').replaceWith(calls);
  const isSame = (element) => element.href ? element.href === href : element.value === value;
  [...calls.querySelectorAll('a, input')].find(isSame)?.focus({ preventScroll: true });
  showChosen();
  const added = [...now].filter((call) => !before.has(call)).length;
  byId('live').textContent = added === 0 ? 'live' : `live, ${added === 1 ? 'a new call' : `${added} new calls`}`;
  shown = revision;
}

/** The page of the call again, in place of the one before when it is whole; it stays where it was scrolled to. */
function updateCall(revision) {
  const old = document.querySelector('iframe:not(.next)');
  document.querySelector('iframe.next')?.remove();
  const next = old.cloneNode();
  next.classList.add('next');
  next.addEventListener('load', () => {
    const { scrollX, scrollY } = old.contentWindow;
    next.contentWindow.scrollTo(scrollX, scrollY);
    next.classList.remove('next');
    old.remove();
    shown = revision;
    byId('update').hidden = true;
  }, { once: true });
  byId('frames').append(next);
}

/** Whether somebody is at something in the page of the call, which a new one would take away. */
function isInUse() {
  const inner = document.querySelector('iframe:not(.next)')?.contentDocument;
  if (!inner) return false;
  const isPlaying = [...inner.querySelectorAll('audio')].some((sound) => !sound.paused);
  const isOpen = inner.getElementById('details')?.hidden === false;
  return isPlaying || isOpen || inner.activeElement !== inner.body;
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
  try {
    await (isCall ? updateCall(revision) : updateList(revision));
  } finally {
    // Not more often than a person can read.
    setTimeout(() => {
      isBusy = false;
      changed();
    }, isCall ? 500 : 200);
  }
}

/** Hears of changes, on pages that have any. */
function listen() {
  const events = new EventSource(body.dataset.events);
  events.addEventListener('open', () => {
    byId('live').textContent = 'live';
  });
  events.addEventListener('error', () => {
    byId('live').textContent = 'not live: the server does not answer';
  });
  events.addEventListener('message', (event) => {
    latest = event.data;
    changed();
  });
}

localTimes(document);
byId('update')?.addEventListener('click', () => updateCall(latest));
if (body.dataset.events) listen();
