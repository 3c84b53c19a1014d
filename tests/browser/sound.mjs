// What a page does with the recording of its call: plays it, on the axis of its waterfall.

import assert from 'node:assert/strict';

const item = (page, text) => page.getByRole('treeitem', { name: text });
const now = (page) => page.evaluate(() => document.getElementById('recording').currentTime);
const isPaused = (page) => page.evaluate(() => document.getElementById('recording').paused);
const data = (page) => page.evaluate(() => JSON.parse(document.getElementById('data').textContent));
const past = (page, seconds) => page.waitForFunction((least) => document.getElementById('recording').currentTime > least, seconds);

/** Plays so much slower that a recording of seconds does not end while a busy machine looks at it. */
const playAt = (page, rate) => page.evaluate((times) => { document.getElementById('recording').playbackRate = times; }, rate);

/** What is heard and where the playhead stands, at one moment: the distance in pixels, and how many pixels a second has. */
const distance = (page) => page.evaluate(() => {
  const { length, recording } = JSON.parse(document.getElementById('data').textContent);
  const lane = document.getElementById('ticks').getBoundingClientRect();
  const head = document.getElementById('playhead').getBoundingClientRect();
  const time = recording + document.getElementById('recording').currentTime * 1e9;
  const asked = lane.left + (time / length) * lane.width;
  return [Math.abs(head.left + 1 - asked), lane.width / (length / 1e9)];
});

/** The playhead stands where the recording does: at once, or a moment later, for the element says late where it stopped. */
async function standsStill(page, where) {
  let [pixels] = await distance(page);
  for (let look = 0; look < 10 && pixels > 1; look += 1) {
    await page.waitForTimeout(50);
    [pixels] = await distance(page);
  }
  assert.ok(pixels <= 1, `${pixels} pixels away: ${where}`);
}

/** Clicks on the axis at a share of its length. */
async function clickAxis(page, selector, share) {
  const lane = await page.locator(selector).boundingBox();
  await page.mouse.click(lane.x + lane.width * share, lane.y + lane.height / 2);
}

/** When each channel is loud, in seconds, as another decoder than the player's says. */
const loud = (page) => page.evaluate(async () => {
  const source = document.getElementById('recording').src;
  const letters = atob(source.split(',')[1]);
  const sound = await new OfflineAudioContext(2, 1, 16_000).decodeAudioData(Uint8Array.from(letters, (each) => each.charCodeAt(0)).buffer);
  return [0, 1].map((channel) => {
    const samples = sound.getChannelData(channel);
    const isLoud = (sample) => Math.abs(sample) > 0.1;
    return [samples.findIndex(isLoud), samples.findLastIndex(isLoud)].map((at) => at / sound.sampleRate);
  });
});

/** The first and the last column of a wave that is not empty, in seconds of the whole axis; none where it is not drawn yet. */
const drawn = (page, channel) => page.evaluate((number) => {
  const wave = document.querySelectorAll('.wave')[number];
  const { width, height } = wave;
  // A canvas of its own, for the browser complains of one that is drawn and read.
  const paper = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  paper.drawImage(wave, 0, 0);
  const { data: dots } = paper.getImageData(0, 0, width, height);
  const { length } = JSON.parse(document.getElementById('data').textContent);
  const isFilled = (x) => [...Array(height).keys()].some((y) => dots[(y * width + x) * 4 + 3] > 0);
  const columns = [...Array(width).keys()].filter(isFilled);
  return columns.slice(0, 1).concat(columns.slice(-1)).map((x) => (x / width) * (length / 1e9));
}, channel);

async function hasWaves(page) {
  while ((await drawn(page, 0)).length === 0) await page.waitForTimeout(50);
}

const near = (found, expected, tolerance, what) => assert.ok(Math.abs(found - expected) <= tolerance, `${what}: ${found}, not ${expected}`);

export const soundChecks = {
  async plays_on_the_axis(page) {
    await playAt(page, 0.2);
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await past(page, 0.2);
    for (let look = 0; look < 20 && !await isPaused(page); look += 1) {
      const [pixels, second] = await distance(page);
      // The element's time goes on between two frames, of which a busy machine draws few.
      assert.ok(pixels <= 1 + second * 0.2, `${pixels} pixels away`);
    }
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await standsStill(page, 'where it is paused');
    const stopped = await now(page);
    await page.waitForTimeout(200);
    assert.equal(await now(page), stopped);
    await playAt(page, 1);
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await page.waitForFunction(() => document.getElementById('recording').ended);
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
    near(await now(page), 3, 0.1, 'it plays to the end');
    await standsStill(page, 'at its end');
  },

  async hears_each_side_where_it_spoke(page) {
    const { transcript } = await data(page);
    const [user, agent] = await loud(page);
    near(user[0], 0.5, 0.02, 'the caller begins');
    near(user[1], 1, 0.02, 'the caller ends');
    near(agent[0], transcript.find(({ role }) => role === 'agent').start / 1e9, 0.02, 'the agent begins');
    near(agent[1] - agent[0], 0.5, 0.02, 'the agent speaks so long');
    await hasWaves(page);
    for (const [channel, [from, to]] of [user, agent].entries()) {
      const [left, right] = await drawn(page, channel);
      near(left, from, 0.02, 'its wave begins');
      near(right, to, 0.02, 'its wave ends');
    }
    await page.locator('#in').click();
    await page.locator('#in').click();
    assert.ok((await drawn(page, 0))[0] !== user[0], 'waves are zoomed too');
    const [pixels] = await distance(page).then(() => page.locator('#all').click()).then(() => distance(page));
    assert.ok(pixels <= 1, `${pixels} pixels away after a zoom`);
  },

  async seeks_by_click_and_keys(page) {
    // Of somewhat more than five minutes.
    const seconds = (await data(page)).length / 1e9;
    for (const [lane, share] of [['#ticks', 0.25], ['#waves', 0.75]]) {
      await clickAxis(page, lane, share);
      near(await now(page), share * seconds, 1, lane);
      assert.ok((await distance(page))[0] <= 1);
      assert.ok(await isPaused(page), 'it only goes there');
    }
    const slider = page.getByRole('slider', { name: 'Position in the recording' });
    await slider.focus();
    const keys = { Home: 0, ArrowRight: 5, ArrowLeft: 0, End: seconds };
    for (const [key, expected] of Object.entries(keys)) {
      await page.keyboard.press(key);
      near(await now(page), expected, 0.1, key);
    }
    assert.match(await slider.getAttribute('aria-valuetext'), /^5:\d\d\.\d of 5:\d\d\.\d$/);
    await clickAxis(page, '#waves', 2 / 3);
    const from = await now(page);
    await page.keyboard.press(' ');
    await past(page, from + 0.2);
    assert.ok(await now(page) < from + 60, 'FLAC plays from any place');
    await page.keyboard.press(' ');
    assert.ok(await isPaused(page));
    await page.evaluate(() => document.activeElement.blur());
    const before = await now(page);
    await page.keyboard.press('ArrowLeft');
    near(await now(page), before - 5, 0.1, 'wherever the keyboard is');
    await page.getByRole('treeitem').first().focus();
    await page.keyboard.press('ArrowRight');
    near(await now(page), before - 5, 0.1, 'but for the tree, whose arrows fold');
    await page.keyboard.press(' ');
    assert.ok(!await isPaused(page), 'the space bar plays there too');
    assert.equal(await page.getByRole('complementary').count(), 0, 'and opens nothing');
  },

  async plays_a_span_or_a_line_from_its_start(page) {
    const { spans, transcript } = await data(page);
    const lines = page.locator('.line:not(.log)');
    await playAt(page, 0.2);
    await item(page, /^tts/).click();
    assert.ok(!await isPaused(page));
    await page.keyboard.press('Escape');
    near(await now(page), spans.find(({ kind }) => kind === 'tts').start / 1e9, 1, 'the span');
    await page.waitForFunction(() => document.querySelector('.line.agent').getAttribute('aria-current') === 'true');
    assert.equal(await page.locator('.line[aria-current]').count(), 1);
    await lines.first().click();
    near(await now(page), transcript[0].start / 1e9, 1, 'the line');
    await page.waitForFunction(() => document.querySelector('.line.user').getAttribute('aria-current') === 'true');
    assert.equal(await page.locator('.line.user > .playhead').count(), 1, 'the playhead is in it');
    await page.waitForFunction(() => document.querySelector('.line.agent').getAttribute('aria-current') === 'true');
    assert.equal(await page.locator('.line.agent > .playhead').count(), 1, 'and goes on');
    await page.keyboard.press(' ');
    assert.ok(await isPaused(page), 'the space bar pauses, with a line in focus too');
    await item(page, /^stt/).focus();
    await page.keyboard.press('Enter');
    assert.ok(await isPaused(page), 'who only reads hears nothing');
    await page.keyboard.press('Escape');
    await page.locator('.line.log').nth(1).click();
    near(await now(page), 1.5, 1, 'the log line');
  },

  async mutes_each_side(page) {
    await page.addInitScript(() => {
      const connect = AudioNode.prototype.connect;
      AudioNode.prototype.connect = function listen(to, ...more) {
        if (to instanceof AudioDestinationNode) {
          const split = this.context.createChannelSplitter(2);
          connect.call(this, split);
          window.ears = [0, 1].map((channel) => {
            const ear = this.context.createAnalyser();
            connect.call(split, ear, channel);
            return ear;
          });
        }
        return connect.call(this, to, ...more);
      };
    });
    await page.reload();
    const level = (least, most) => page.waitForFunction(([from, to]) => {
      const samples = new Float32Array(2048);
      window.ears[0].getFloatTimeDomainData(samples);
      const loudest = Math.max(...samples.map(Math.abs));
      return loudest >= from && loudest <= to;
    }, [least, most]);
    const [caller, agent] = ['caller', 'agent'].map((side) => page.getByRole('button', { name: `Mute the ${side}` }));
    await playAt(page, 0.5);
    await page.getByRole('button', { name: 'Play', exact: true }).click();
    await past(page, 0.1);
    await agent.click();
    await level(0.3, 1);
    assert.deepEqual([await caller.getAttribute('aria-pressed'), await agent.getAttribute('aria-pressed')], ['false', 'true']);
    await caller.click();
    await level(0, 0);
    await caller.click();
    await level(0.3, 1);
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('.wave')].map((wave) => wave.classList.contains('muted'))), [false, true]);
  },

  async lists_log_lines(page) {
    assert.equal(await page.locator('#logs summary').innerText(), '2 log lines');
    const lines = (await page.locator('.line.log').allInnerTexts()).map((line) => line.replaceAll(/\s+/g, ' ').trim());
    const words = lines.map((line) => line.slice(line.indexOf(' ') + 1));
    assert.deepEqual(words, ['INFO the caller speaks page_calls {"caller":"+49 30 <b>"}', 'WARN the calendar is slow page_calls']);
    // A busy machine writes them later, and before the call ends after 3 s.
    const [first, second] = lines.map((line) => Number(/^0:0(\d\.\d) /.exec(line)?.[1]));
    assert.ok(first >= 0.5 && second >= 1.5 && second < 9, lines.join('; '));
    await page.getByText('Call log', { exact: true }).click();
    assert.doesNotMatch(await page.locator('#transcript pre').innerText(), /calendar is slow/, 'each is shown once');
  },

  async says_why_there_is_no_recording(page) {
    const call = await page.locator('h1').innerText();
    const reasons = { 'clinic-0931': /calls are not recorded: write \.audio/, 'huge-call': /larger than 16 MiB/, 'refused-call': /unless its caller refuses/, 'unheard-call': /neither side was handed over/ };
    assert.match(await page.locator('#unheard').innerText(), reasons[call]);
    assert.deepEqual([await page.locator('#sound:visible').count(), await page.locator('audio').count()], [0, 0]);
    await page.getByRole('treeitem').first().click();
    assert.equal(await page.getByRole('complementary').count(), 1, 'all else goes on');
  },

  async keeps_still_in_every_window(page) {
    await page.evaluate(() => {
      window.shifts = [];
      new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(({ value, sources }) => [value, ...sources.map(({ node }) => node?.id || node?.className || node?.nodeName)]))).observe({ type: 'layout-shift' });
    });
    await hasWaves(page);
    await playAt(page, 0.2);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const width of [400, 640, 900, 1280, 2000]) {
        await page.setViewportSize({ width, height: 800 });
        await page.waitForTimeout(100);
        await page.evaluate(() => { window.shifts.length = 0; });
        await page.locator('#waves').scrollIntoViewIfNeeded();
        await page.getByRole('button', { name: 'Play', exact: true }).click();
        await past(page, 0);
        await clickAxis(page, '#waves', 0.6);
        await page.getByRole('button', { name: 'Pause', exact: true }).click();
        const seen = await page.evaluate(() => ({
          overflow: document.documentElement.scrollWidth - innerWidth,
          shifts: window.shifts,
          cut: [...document.querySelectorAll('#sound button, #position')].filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.innerText),
          height: document.getElementById('sound').clientHeight,
          lane: ['ticks', 'waves'].map((id) => document.getElementById(id).getBoundingClientRect()).map(({ left, width: wide }) => [Math.round(left), Math.round(wide)]),
        }));
        const where = `${width} ${colorScheme}: ${JSON.stringify(seen)}`;
        assert.ok(seen.overflow <= 0 && seen.height < 150, where);
        assert.deepEqual([seen.shifts, seen.cut], [[], []], where);
        assert.deepEqual(seen.lane[0], seen.lane[1], where);
        await standsStill(page, where);
      }
    }
  },

  async reads_the_player_aloud(page) {
    const snapshot = await page.getByRole('group', { name: 'Recording' }).ariaSnapshot();
    for (const line of ['button "Play"', 'text: Caller, left', 'button "Mute the caller"', 'text: Agent, right', 'button "Mute the agent"', 'slider "Position in the recording"']) {
      assert.ok(snapshot.includes(line), `${line} in\n${snapshot}`);
    }
    const slider = page.getByRole('slider', { name: 'Position in the recording' });
    assert.deepEqual(await Promise.all(['aria-valuemin', 'aria-valuemax', 'aria-valuenow', 'aria-valuetext'].map((name) => slider.getAttribute(name))),
      ['0', '3.0', '0.0', '0:00.0 of 0:03.0']);
  },

  async plays_the_example(page) {
    const { transcript } = await data(page);
    const said = transcript.filter(({ role }) => role !== 'tool');
    assert.ok(said.length >= 9, `${said.length} lines`);
    // The loudest sample of each tenth of a second.
    const tenths = await page.evaluate(async () => {
      const letters = atob(document.getElementById('recording').src.split(',')[1]);
      const sound = await new OfflineAudioContext(2, 1, 16_000).decodeAudioData(Uint8Array.from(letters, (each) => each.charCodeAt(0)).buffer);
      const loudest = (samples, at) => samples.subarray(at * 1_600, (at + 1) * 1_600).reduce((most, each) => Math.max(most, Math.abs(each)), 0);
      return [0, 1].map((channel) => [...Array(Math.ceil(sound.length / 1_600)).keys()].map((at) => loudest(sound.getChannelData(channel), at)));
    });
    for (const { role, start, text } of said) {
      const at = Math.floor(start / 1e8);
      const isHeard = tenths[role === 'user' ? 0 : 1].slice(at, at + 5).some((loudest) => loudest > 0.05);
      assert.ok(isHeard, `${text} at ${start / 1e9} s`);
    }
    await page.locator('.line.agent').first().click();
    const from = said.find(({ role }) => role === 'agent').start / 1e9;
    await past(page, from + 0.5);
    assert.ok(await now(page) < from + 15);
    assert.equal(await page.locator('.line[aria-current] .who').innerText().then((who) => who.split(' ')[0]), 'Agent');
  },

  async plays_without_scripts(page) {
    const still = await page.context().browser().newContext({ javaScriptEnabled: false });
    const plain = await still.newPage();
    await plain.goto(page.url());
    assert.ok(await plain.locator('audio').isVisible(), 'the browser plays it itself');
  },
};
