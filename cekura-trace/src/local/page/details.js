// Shows everything that is known of one span.

/** What the contents of a span are called. */
const TITLES = {
  'function.input': 'Tool input',
  'function.output': 'Tool output',
  'stt.transcript': 'Transcript',
  output: 'Output',
  text: 'Spoken text',
};
/** Characters above which a value gets a block of its own. */
const LONG = 100;
const TRUNCATED = '.truncated';

/** Copies a text and says so; where the browser forbids it, selects it for the person to copy. */
async function copy(text, button, shown) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = byId('status').textContent = 'Copied';
    setTimeout(() => {
      button.textContent = 'Copy';
      byId('status').textContent = '';
    }, 1500);
  } catch {
    getSelection().selectAllChildren(shown);
    byId('status').textContent = 'Selected to be copied';
  }
}

function copier(what, text, shown) {
  const button = element('button', { type: 'button', class: 'copy', 'aria-label': `Copy ${what}` }, 'Copy');
  button.addEventListener('click', () => copy(text, button, shown));
  return button;
}

function titleOf(key) {
  if (key.startsWith('input.')) return `Argument ${key.slice('input.'.length)}`;
  return TITLES[key] ?? null;
}

/** A value that deserves room: its keys, its text, JSON indented. */
function block({ keys, text, truncated }) {
  const json = indented(text);
  const shown = element('pre', { class: json ? 'json' : 'prose', dir: json ? 'ltr' : 'auto' }, json ?? text);
  const title = titleOf(keys[0]);
  return element(
    'section', {},
    element('h3', {}, title ?? foreign(keys[0]), element('span', { class: 'keys' }, ...(title ? [foreign(keys.join(', '))] : [])),
      copier(title ?? keys[0], json ?? text, shown)),
    shown,
    truncated ? element('p', { class: 'note' }, '✂ Cut at the content limit; the rest was not recorded.') : null,
  );
}

/** A key, which breaks between its words. */
const broken = (key) => element('bdi', {}, ...key.split(/(?<=[._])/).flatMap((word) => [word, element('wbr')]));

function table(pairs) {
  const lines = pairs.map(([key, text]) => [element('dt', {}, broken(key)), element('dd', {}, foreign(text))]);
  return element('dl', { class: 'pairs' }, ...lines.flat());
}

/** Parts the span attributes into blocks and small ones. The same text under several keys is shown once. */
function parted(attributes) {
  const truncated = new Set(attributes.filter(([key]) => key.endsWith(TRUNCATED)).map(([key]) => key.slice(0, -TRUNCATED.length)));
  const blocks = new Map();
  const small = [];
  for (const [key, text] of attributes) {
    const isLarge = text.length > LONG || text.includes('\n') || indented(text) !== null;
    if (key.endsWith(TRUNCATED) && truncated.has(key.slice(0, -TRUNCATED.length))) continue;
    if (!isLarge && !TITLES[key]) small.push([key, text]);
    else if (blocks.has(text)) blocks.get(text).keys.push(key);
    else blocks.set(text, { keys: [key], text, truncated: truncated.has(key) });
  }
  const rank = ({ keys }) => (titleOf(keys[0]) ? 0 : 1);
  return { blocks: [...blocks.values()].sort((a, b) => rank(a) - rank(b)), small };
}

function facts(span, start) {
  const time = new Date(start + span.start / 1e6).toLocaleTimeString();
  return [
    ['Start', `${moment(span.start)} into the conversation, ${time}`],
    ['Duration', span.open ? 'goes on' : duration(span.length)],
    span.latency !== null ? ['Voice-to-voice', `${duration(span.latency)} from the caller's last word to the first audio`] : null,
    span.first ? [capital(span.first.name), `after ${duration(span.first.after)}`] : null,
    span.items !== null ? ['Items', `${span.items}${span.gap === null ? '' : `, ${duration(span.gap)} at most between two`}`] : null,
    span.counts ? ['Counts', span.counts.includes('→') ? `${span.counts} tokens` : span.counts.replace(' ch', ' characters')] : null,
  ].filter(Boolean);
}

function event(each, span) {
  const at = each.at === null ? '' : ` ${duration(Math.max(each.at - span.start, 0))} after the span's start`;
  const { blocks, small } = parted(each.attributes);
  return element('li', {}, element('p', {}, element('b', {}, foreign(each.name)), at), table(small), ...blocks.map(block));
}

function link(each) {
  return element('li', {}, element('code', {}, `${each.trace} ${each.id}`), table(each.attributes));
}

function list(title, items) {
  return items.length === 0 ? null : element('section', {}, element('h3', {}, title), element('ul', {}, ...items));
}

function failure(span) {
  const text = span.description || 'No message was recorded.';
  const shown = element('pre', { class: 'prose', dir: 'auto' }, text);
  return element('section', { class: 'failure' }, element('h3', {}, `${SIGNS.failed} Failed`, copier('error', text, shown)), shown);
}

/** The panel; `closed` is told when it has been closed, and whether the keyboard was in it. */
function makeDetails(spans, start, closed) {
  const panel = byId('details');
  const close = () => {
    if (panel.hidden) return;
    const wasInside = panel.contains(document.activeElement);
    panel.hidden = true;
    document.body.classList.remove('with-details');
    closed(wasInside);
  };
  onWindow('keydown', (event) => {
    if (event.key === 'Escape') close();
  });
  const fill = (at) => {
    const span = spans[at];
    const { blocks, small } = parted(span.attributes);
    const shut = element('button', { type: 'button', id: 'close', 'aria-label': 'Close the details', title: 'Close (Esc)' }, '✕');
    shut.addEventListener('click', close);
    const ids = [['span id', span.id], ['parent id', span.parent ?? 'none'], ['trace id', span.trace]];
    panel.replaceChildren(...[
      element('div', { class: 'heading' },
        element('h2', { id: 'details-title' }, element('i', { class: `swatch ${span.look}` }), foreign(span.name)), shut),
      span.service ? element('p', { class: 'service' }, foreign(span.service)) : null,
      span.failed ? failure(span) : null,
      span.interrupted || span.cut ? element('p', { class: 'interrupted' }, `${SIGNS.interrupted} Interrupted before its end`) : null,
      table(facts(span, start)),
      ...blocks.map(block),
      list('Events', span.events.map((each) => event(each, span))),
      small.length > 0 ? element('section', {}, element('h3', {}, 'Span attributes'), table(small)) : null,
      list('Links', span.links.map(link)),
      element('section', {}, element('h3', {}, 'Ids'), table(ids)),
    ].filter(Boolean));
    panel.scrollTop = 0;
  };
  const open = (at, withFocus) => {
    fill(at);
    panel.hidden = false;
    document.body.classList.add('with-details');
    if (withFocus) panel.focus({ preventScroll: true });
  };
  return {
    isOpen: () => !panel.hidden,
    fill,
    open,
    /** How they are seen, or `null`; and has them seen so. */
    view: () => (panel.hidden ? null : { scrolled: panel.scrollTop, isFocused: document.activeElement === panel }),
    see: (at, { scrolled, isFocused }) => {
      open(at, isFocused);
      panel.scrollTop = scrolled;
    },
  };
}

