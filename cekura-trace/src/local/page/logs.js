// Makes the list of what the program logged in the call.

/** `chosen` is told the time of a line that was clicked; `null` where there is nothing to hear. */
function makeLogs(logs, chosen) {
  byId('logs').hidden = logs.length === 0;
  byId('logs').querySelector('summary').textContent = plural(logs.length, 'log line');
  return gradually(byId('lines-logged'), logs.length, (at, group) => {
    const { start, level, logger, message, fields } = logs[at];
    const look = { ERROR: 'error', WARN: 'interrupted' }[level] ?? 'note';
    const isButton = chosen !== null && start !== null;
    const line = element(
      isButton ? 'button' : 'div', { type: isButton ? 'button' : null, class: 'line log' },
      element('time', {}, start === null ? '' : moment(start)), ' ', element('span', { class: look }, level), ' ',
      element('span', {}, foreign(message)), ' ', element('span', { class: 'note' }, foreign(logger)), ' ',
      fields ? element('span', { class: 'fields' }, foreign(beginning(fields))) : null,
    );
    if (isButton) line.addEventListener('click', () => chosen(start));
    group.append(line);
  });
}
