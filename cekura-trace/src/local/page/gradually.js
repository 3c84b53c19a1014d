// Makes the many elements of a long conversation a few at a time, so that the page can be used meanwhile. Invariant: each is
// made once, and in order.

/** More than a window shows. */
const FIRST = 100;
/** How many are in one group: browsers lay out and draw only the groups that are in view. */
const GROUP = 50;
/** Milliseconds of work before the browser may draw and answer. */
const SLICE = 50;

/** Calls `make` with each number below `length` and its group in `box`: soon, or at once for those below `end` at `upTo(end)`. */
function gradually(box, length, make) {
  let made = 0;
  const upTo = (end) => {
    for (; made < Math.min(end, length); made += 1) {
      if (made % GROUP === 0) box.append(element('div', { class: 'group', role: 'none' }));
      expect(box.lastChild, made % GROUP + 1);
      make(made, box.lastChild);
    }
  };
  upTo(FIRST);
  const whole = new Promise((done) => {
    const goOn = () => {
      const end = performance.now() + SLICE;
      while (made < length && performance.now() < end) upTo(made + 1);
      if (made < length) setTimeout(goOn);
      else done();
    };
    setTimeout(goOn);
  });
  return { upTo, all: () => upTo(length), whole };
}

/** Says how many a group shows, for its height while it is out of view. */
const expect = (group, items) => group.style.setProperty('--items', items);

