// Formats numbers and texts, and makes elements. Invariant: text in an element is never read as HTML.

const byId = (id) => document.getElementById(id);

/** An element with attributes; children are elements or texts, and `null` is none. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Listens to the window until the page is made anew. */
let listening = new AbortController();
const onWindow = (event, handler) => addEventListener(event, handler, { signal: listening.signal });
function stopListening() {
  listening.abort();
  listening = new AbortController();
}

/** Anybody's text, which may run from right to left. */
const foreign = (text) => element('bdi', {}, text);

const two = (number) => String(number).padStart(2, '0');

/** Nanoseconds as the terminal writes them: at most three digits and a unit, or minutes and seconds. */
function duration(ns) {
  const units = (unit) => Math.floor((ns + unit / 2) / unit);
  if (ns < 999_500) return `${units(1e3)} µs`;
  if (ns < 999_500_000) return `${units(1e6)} ms`;
  if (ns < 9_995_000_000) return `${(units(1e7) / 100).toFixed(2)} s`;
  if (ns < 59_950_000_000) return `${(units(1e8) / 10).toFixed(1)} s`;
  const seconds = units(1e9);
  if (ns < 3_599_500_000_000) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  if (ns < 360_000_000_000_000) return `${Math.floor(seconds / 3600)}h${two(Math.floor(seconds / 60) % 60)}m`;
  return `${Math.floor(seconds / 3600)}h`;
}

/** A tick's time, as short as its step allows. */
function tick(ns, step) {
  const seconds = ns / 1e9;
  if (ns === 0) return '0';
  if (step < 1e6) return `${+(ns / 1e6).toFixed(3)} ms`;
  if (seconds < 1) return `${Math.round(ns / 1e6)} ms`;
  const digits = step < 1e7 ? 3 : step < 1e8 ? 2 : step < 1e9 ? 1 : 0;
  if (seconds < 60) return `${seconds.toFixed(digits)} s`;
  const rest = (seconds % 60).toFixed(digits);
  return `${Math.floor(seconds / 60)}:${rest.padStart(digits ? digits + 3 : 2, '0')}`;
}

/** When something was said: minutes, seconds and tenths of the conversation. */
function moment(ns) {
  const tenths = Math.floor(Math.abs(ns) / 1e8);
  return `${ns < 0 ? '−' : ''}${Math.floor(tenths / 600)}:${two(Math.floor(tenths / 10) % 60)}.${tenths % 10}`;
}

/** A count as the terminal writes it: `1204`, `12.3k`, `1.2M`. */
function count(number) {
  if (number < 10_000) return String(number);
  if (number < 100_000) return `${(Math.floor(number / 100) / 10).toFixed(1)}k`;
  if (number < 1_000_000) return `${Math.floor(number / 1_000)}k`;
  if (number < 100_000_000) return `${(Math.floor(number / 100_000) / 10).toFixed(1)}M`;
  return `${Math.floor(number / 1_000_000)}M`;
}

/** Of fewer values, the 95th percentile is the longest one. */
const ENOUGH = 20;
/** The least value of a sorted list that so many per cent do not exceed. */
const rank = (sorted, percent) => sorted[Math.max(Math.ceil((sorted.length * percent) / 100) - 1, 0)];

const capital = (text) => text[0].toUpperCase() + text.slice(1);
const plural = (number, one) => `${number} ${one}${number === 1 ? '' : 's'}`;

/**
 * A JSON object or array, one value per line; `null` for any other text. Only white space changes: a number keeps
 * every digit.
 */
function indented(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  const tokens = text.match(/"(?:[^"\\]+|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g);
  return tokens.reduce((out, token, at) => {
    const isEmpty = '[{'.includes(tokens[at - 1]) && ']}'.includes(token);
    if (']}'.includes(token)) {
      depth -= 1;
      return isEmpty ? out + token : out + line() + token;
    }
    const opened = at > 0 && '[{'.includes(tokens[at - 1]);
    const before = opened || tokens[at - 1] === ',' ? line() : tokens[at - 1] === ':' ? ' ' : '';
    if ('[{'.includes(token)) depth += 1;
    return out + before + token;
  }, '');
}

