
// The list by keyboard, and two of its calls to be compared. Invariant: without a script the form of the page compares them too.

const CHOSEN = 'chosen';
let chosen = JSON.parse(sessionStorage.getItem(CHOSEN) ?? '[]');

/** Shows which calls are chosen; those of another page of the list stay chosen. */
function showChosen() {
  for (const box of document.querySelectorAll('.choose input')) box.checked = chosen.includes(box.value);
  if (!byId('chosen')) return;
  byId('chosen').textContent = ['', 'one call is chosen', 'two calls are chosen'][chosen.length];
  byId('compare').querySelector('button').disabled = chosen.length !== 2;
  sessionStorage.setItem(CHOSEN, JSON.stringify(chosen));
}

/** Chooses a call or no longer; of three the one that was chosen first is given up. */
function choose(id, isChosen) {
  chosen = [...chosen.filter((other) => other !== id), ...(isChosen ? [id] : [])].slice(-2);
  showChosen();
}

function listenToList() {
  const links = () => [...document.querySelectorAll('#calls tbody th a')];
  document.addEventListener('change', ({ target }) => target.matches('.choose input') && choose(target.value, target.checked));
  byId('compare')?.addEventListener('submit', (event) => {
    event.preventDefault();
    // The older one is the first.
    const [old, current] = [...chosen].sort((a, b) => a - b);
    location.assign(`/compare?call=${old}&call=${current}`);
  });
  document.addEventListener('click', ({ target }) => {
    const row = target.closest('#calls tbody tr');
    if (row && !target.closest('a, input') && getSelection().isCollapsed) row.querySelector('a').click();
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    if (target.matches('input:not([type=checkbox]), select, textarea')) return;
    const at = links().findIndex((link) => link.closest('tr').contains(target));
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: links().length - 1 }[event.key];
    if (event.key === '/') document.querySelector('[type=search]')?.focus();
    else if (event.key === 'x' && at >= 0) links()[at].closest('tr').querySelector('.choose input').click();
    else if (links()[to]) links()[to].focus();
    else return;
    event.preventDefault();
  });
}

if (body.classList.contains('calls')) listenToList();
showChosen();
