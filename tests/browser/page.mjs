// Opens a page in Chromium and checks how it behaves: takes the driver's folder, a page and the name of a
// check; returns an exit status, and prints what is wrong on standard error.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { logChecks } from './logs.mjs';
import { soundChecks } from './sound.mjs';
import { speedChecks, whole } from './speed.mjs';
import { turnChecks } from './turns.mjs';

const [folder, file, name] = process.argv.slice(2);
const { chromium } = createRequire(join(folder, 'package.json'))('playwright-core');
const url = pathToFileURL(file).href;

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** Opens the page in a profile of its own, which says and asks for nothing beside the page. */
async function open(browser) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.complaints = [];
  const complain = (text) => page.complaints.push(text);
  page.on('console', (message) => complain(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complain(`error: ${error.stack}`));
  page.on('dialog', (dialog) => { complain(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => request.url() !== url && complain(`request: ${request.url()}`));
  await page.goto(url);
  await whole(page);
  return page;
}

const item = (page, text) => page.getByRole('treeitem', { name: text });
const focused = (page) => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.id);
const visible = (page) => page.getByRole('treeitem').count();
const range = (page) => page.locator('#range').textContent();
const details = (page) => page.getByRole('complementary');

async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

/** The functions that write numbers and JSON, out of their page. */
function format() {
  const source = readFileSync(join(dirname(process.argv[1]), '../../cekura-trace/src/local/page/format.js'), 'utf8');
  return new Function(`${source}; return { duration, count, moment, tick, indented };`)();
}

const checks = {
  async writes_numbers_as_the_terminal_does() {
    const { duration, count, moment, tick, indented } = format();
    assert.deepEqual(
      [0, 999, 999_499, 999_500, 1_500_000, 999_499_999, 999_500_000, 9_994_999_999, 9_995_000_000, 59_949_999_999,
        59_950_000_000, 3_599_400_000_000, 3_600_000_000_000, 5_124_095 * 3_600_000_000_000].map(duration),
      ['0 µs', '1 µs', '999 µs', '1 ms', '2 ms', '999 ms', '1.00 s', '9.99 s', '10.0 s', '59.9 s', '1m00s', '59m59s', '1h00m', '5124095h'],
    );
    assert.deepEqual([0, 9_999, 10_000, 99_999, 123_456, 1_250_000, 100_000_000].map(count), ['0', '9999', '10.0k', '99.9k', '123k', '1.2M', '100M']);
    assert.deepEqual([0, 4_990_000_000, 65_000_000_000, -1_500_000_000, 3_600_000_000_000].map(moment), ['0:00.0', '0:04.9', '1:05.0', '−0:01.5', '60:00.0']);
    assert.deepEqual([[0, 1e9], [5e8, 5e8], [1.5e9, 5e8], [2e9, 1e9], [9e10, 3e10], [61.5e9, 5e8], [2000, 1000]].map((each) => tick(...each)),
      ['0', '500 ms', '1.5 s', '2 s', '1:30', '1:01.5', '0.002 ms']);
    const json = '{"a":[1.0,12345678901234567890,{}],"b":{"c":"x, {y}: \\"z\\"","d":[]},"e":null}';
    assert.equal(indented(json), '{\n  "a": [\n    1.0,\n    12345678901234567890,\n    {}\n  ],\n  "b": {\n    "c": "x, {y}: \\"z\\"",\n    "d": []\n  },\n  "e": null\n}');
    assert.deepEqual(JSON.parse(indented(json)), JSON.parse(json));
    assert.deepEqual(['{cut', 'plain', '12', '"text"', '', '[]'].map(indented), [null, null, null, null, null, '[]']);
    assert.ok(indented(JSON.stringify(['x"\\'.repeat(20_000)])).length > 80_000, 'long strings too');
  },

  async says_what_happened(page) {
    assert.match(await page.title(), /^clinic-0931 · /);
    const totals = await page.locator('#totals').innerText();
    for (const expected of ['Turns\n2', 'Tokens\n2408 → 62', 'Failed\n✗ 1', 'Interrupted\n■ 1', 'Longest span', 'Callers wait for']) {
      assert.ok(totals.includes(expected), `${expected} in ${totals}`);
    }
    assert.match(totals, /Voice-to-voice\s+[\d.]+ m?s median of 2\s+worst [\d.]+ m?s/);
    assert.doesNotMatch(totals, /p95/, 'of two turns');
    assert.match(await page.locator('#about').innerText(), /service clinic-agent\s+version 1\.4\.2\s+environment <b>staging<\/b>/);
    const stages = page.getByRole('table', { name: 'Time per stage' });
    assert.equal(await stages.getByRole('row').count(), 5);
    assert.match(await stages.innerText(), /llm\s+2\s+.* ms\s+–\s+.* ms/);
    assert.equal(await page.locator('.bar.streamed').count(), 4, 'first chunks are marked');
    const firsts = (await page.locator('.row .first').allInnerTexts()).filter(Boolean);
    assert.ok(firsts.length === 4 && firsts.every((first) => /^[\d.]+ m?s$/.test(first)), `and said: ${firsts}`);
    assert.match(await item(page, /^turn 2/).innerText(), /turn 2\s+■\s+voice-to-voice [\d.]+ m?s/);
    await page.getByRole('button', { name: 'Show the next failed span' }).click();
    assert.match(await focused(page), /^tool_call book_slot, .*failed, calendar did not answer/);
    await page.getByRole('button', { name: 'Show the longest llm' }).click();
    assert.match(await focused(page), /^llm openai/);
    await page.getByRole('button', { name: /^worst / }).click();
    assert.match(await focused(page), new RegExp(`^turn \\d, .*voice-to-voice ${totals.match(/worst ([\d.]+ m?s)/)[1]}`));
    await item(page, /^turn 2/).click();
    assert.match(await details(page).innerText(), /■ Interrupted before its end[^]*Voice-to-voice\s+[\d.]+ m?s from the caller's last word to the first audio/);
    await item(page, /^tts .*interrupted/).click();
    assert.match(await details(page).innerText(), /First byte\s+after [\d.]+ m?s\s+Items\s+3, [\d.]+ m?s at most between two/);
  },

  async obeys_keys(page) {
    await page.locator('[role=treeitem][tabindex="0"]').focus();
    await press(page, 'ArrowDown', 'ArrowDown', 'ArrowDown');
    assert.match(await focused(page), /^llm openai\/gpt-4.1-mini, .*1 failed inside/);
    assert.equal(await visible(page), 10);
    await press(page, 'ArrowLeft');
    assert.equal(await visible(page), 9, 'the tool is folded away');
    assert.match(await focused(page), /1 failed inside/);
    await press(page, 'ArrowRight', 'ArrowRight');
    assert.match(await focused(page), /^tool_call book_slot/);
    await press(page, 'ArrowLeft', 'ArrowLeft', 'ArrowLeft');
    assert.match(await focused(page), /^turn 1/);
    await press(page, 'End');
    assert.match(await focused(page), /^tts .*interrupted/);
    await press(page, 'Home', 'ArrowLeft');
    assert.equal(await visible(page), 1);
    await press(page, 'ArrowRight', 'End');

    await press(page, 'Enter');
    assert.equal(await focused(page), 'details', 'the keyboard is in the details');
    await press(page, 'Tab');
    assert.equal(await focused(page), 'Close the details');
    await press(page, 'Escape');
    assert.equal(await details(page).count(), 0);
    assert.match(await focused(page), /^tts .*interrupted/, 'and back where it was');

    await press(page, 'z');
    assert.match(await range(page), / to .* of /);
    await press(page, '0');
    assert.equal(await range(page), '');
    await press(page, '+');
    const zoomed = await range(page);
    await press(page, 'Shift+ArrowLeft');
    assert.notEqual(await range(page), zoomed);
    await press(page, '-', '-');
    assert.equal(await range(page), '');
    assert.equal(await page.locator('[role=treeitem][tabindex="0"]').count(), 1, 'one stop for Tab');
  },

  async obeys_the_pointer(page) {
    await item(page, /^tool_call book_slot/).click();
    const text = await details(page).innerText();
    assert.match(text, /✗ Failed/);
    assert.match(text, /calendar did not answer within 2 s/);
    assert.match(text, /retried .* after the span's start/);
    assert.equal(
      await details(page).locator('pre.json').first().textContent(),
      '{\n  "slot": "2026-11-24T09:30",\n  "patient": "P-2207",\n  "alternatives": [\n    12345678901234567890,\n    2\n  ]\n}',
    );
    await details(page).getByRole('button', { name: 'Copy Tool input' }).click();
    await page.waitForFunction(() => /Copied/.test(document.getElementById('details').innerText) || /P-2207/.test(String(getSelection())));
    await page.waitForFunction(() => /Copied|Selected/.test(document.getElementById('status').textContent));
    await page.keyboard.press('ArrowDown');
    await item(page, /^stt .*/).first().click();
    assert.match(await details(page).innerText(), /Transcript/, 'the details follow');
    await details(page).getByRole('button', { name: 'Close the details' }).click();
    assert.equal(await details(page).count(), 0);

    await item(page, /^turn 1/).locator('.toggle').click();
    assert.equal(await visible(page), 6);
    assert.equal(await details(page).count(), 0, 'folding opens nothing');
    assert.ok(await item(page, /^turn 1/).locator('.echo').count() === 4, 'what is folded away is seen in its turn');
    await page.getByRole('button', { name: 'Fold turns' }).click();
    assert.equal(await visible(page), 3);
    await page.getByRole('button', { name: 'Unfold turns' }).click();
    assert.equal(await visible(page), 10);

    const lane = await item(page, /^turn 1/).locator('.lane').boundingBox();
    const middle = lane.y + lane.height / 2;
    const width = () => item(page, /^turn 1/).locator('.bar').first().evaluate((bar) => bar.getBoundingClientRect().width);
    const whole = await width();
    await page.mouse.move(lane.x + lane.width * 0.25, middle);
    await page.mouse.down();
    await page.mouse.move(lane.x + lane.width * 0.5, middle, { steps: 5 });
    await page.mouse.up();
    assert.match(await range(page), / to .* of /, 'a drag zooms');
    assert.ok(await width() > whole * 3, 'and bars grow');
    assert.equal(await details(page).count(), 0, 'and is no click');
    await page.getByRole('button', { name: 'All', exact: true }).click();
    assert.equal(await range(page), '');
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -300);
    await page.keyboard.up('Control');
    await page.waitForFunction(() => document.getElementById('range').textContent !== '');
    for (const button of ['Zoom in', 'Later', 'Earlier', 'Zoom out']) {
      const before = await range(page);
      await page.getByRole('button', { name: button }).click();
      assert.notEqual(await range(page), before, button);
    }
  },

  async joins_transcript_and_spans(page) {
    const lines = page.locator('.line');
    assert.deepEqual(await lines.locator('.who').allInnerTexts().then((all) => all.map((who) => who.split(' ')[0])),
      ['Caller', 'Tool', 'Agent', 'Caller', 'Agent']);
    await lines.nth(2).click();
    assert.match(await page.locator('[role=treeitem][aria-selected=true]').getAttribute('aria-label'), /^tts elevenlabs/);
    assert.equal(await lines.nth(2).getAttribute('aria-current'), 'true');
    await item(page, /^stt/).nth(1).click();
    assert.equal(await page.locator('.line[aria-current]').count(), 1);
    assert.match(await page.locator('.line[aria-current]').textContent(), /谢谢 🙏 that works/);
    await press(page, 'Escape');
    await page.getByRole('button', { name: 'Fold turns' }).click();
    await lines.nth(1).click();
    assert.match(await page.locator('[role=treeitem][aria-selected=true]:visible').getAttribute('aria-label'), /book_slot/, 'unfolded');
    assert.match(await page.locator('#transcript h3').nth(1).innerText(), /Turn 2.*voice-to-voice [\d.]+ m?s.*■ interrupted/s);
  },

  async shows_content_as_text(page) {
    for (const row of await page.getByRole('treeitem').all()) await row.click();
    await press(page, 'Escape');
    assert.deepEqual(await page.evaluate(() => [typeof window.evil, document.images.length, document.scripts.length]), ['undefined', 0, 2]);
    assert.equal(await page.locator('h1').innerText(), '../../CON</title><script>alert(1)</script>');
    const said = await page.locator('.line.user .said').allInnerTexts();
    assert.ok(said[0].startsWith('</script><img src=x onerror="window.evil = 1"><!--<script>'), said[0]);
    assert.ok(said[0].includes('{{data}}'));
    assert.equal(await page.locator('.line.user .said').nth(1).evaluate((line) => getComputedStyle(line).direction), 'rtl');
    assert.match(await page.locator('.line.user').nth(2).innerText(), /the first 700 of 3276\d characters\s+✂ cut at the content limit/);
    assert.match(await page.locator('.line.agent').innerText(), /written by the model, no voice recorded/);
    await item(page, /^tool_call look_up/).click();
    assert.match(await details(page).innerText(), /■ Interrupted before its end/);
    assert.ok((await details(page).locator('pre').first().innerText()).startsWith('{\n  "query": "<b>",\n  "more": "</script>'));
    await item(page, /^conversation/).click();
    assert.match(await details(page).innerText(), /Links\s+00000000000000000000000000000007 0000000000000009\s+from\s+<i>the carrier<\/i>/);
  },

  async makes_at_once_what_is_asked_for(page) {
    const asks = {
      'the last row': () => page.locator('.row').first().press('End'),
      'all folded': () => page.locator('#fold').click(),
      'a search': () => page.keyboard.press('Control+f'),
      'a print': () => page.evaluate(() => dispatchEvent(new Event('beforeprint'))),
    };
    for (const [what, ask] of Object.entries(asks)) {
      await page.reload();
      await ask();
      assert.equal(await page.locator('.row').count(), 20_001, what);
      await whole(page);
      assert.equal(await page.locator('.line').count(), 20_000, 'and nothing twice');
    }
  },

  async shows_the_call_log(page) {
    const lines = page.locator('.line');
    assert.deepEqual(await lines.locator('.said').allInnerTexts(), ['Riverside Clinic, how can I help?', 'I would like to cancel.']);
    assert.equal(await lines.first().evaluate((line) => line.tagName), 'DIV', 'no span says so');
    await lines.nth(1).click();
    assert.match(await page.locator('[role=treeitem][aria-selected=true]').getAttribute('aria-label'), /^stt/);
    await page.getByText('Call log', { exact: true }).click();
    const log = JSON.parse(await page.locator('#transcript pre').innerText());
    assert.deepEqual([log.call_id, log.call_ended_reason, log.metadata.bot_version], ['observed-call', 'user-hangup', '</script>1.0']);
  },

  async is_fine_without_content(page) {
    assert.match(await page.locator('#transcript').innerText(), /No words were recorded/);
    assert.equal(await visible(page), 10);
    assert.doesNotMatch(await page.content(), /appointment|P-2207|did not answer/);
    await item(page, /^tool_call book_slot/).click();
    assert.match(await details(page).innerText(), /✗ Failed\s+Copy\s+No message was recorded/);
  },

  async reads_aloud(page) {
    const snapshot = (await page.locator('#timeline').ariaSnapshot()).replaceAll(/[\d.]+ (ms|µs|s)\b/g, 'TIME').replaceAll(/\d:\d\d\.\d/g, 'AT');
    const expected = [
      'heading "Timeline" [level=2]', 'button "Fold turns"', 'button "Zoom in"', 'tree "Timeline":',
      'treeitem "conversation, TIME, at AT, 1 failed inside" [expanded]',
      'treeitem "turn 1, TIME, at AT, voice-to-voice TIME, 1 failed inside" [expanded]',
      'treeitem "stt deepgram/nova-3, TIME, at AT"',
      'treeitem "llm openai/gpt-4.1-mini, TIME, at AT, first token after TIME, 1 failed inside" [expanded]',
      'treeitem "tool_call book_slot, TIME, at AT, failed, calendar did not answer within TIME: POST',
      'treeitem "turn 2, TIME, at AT, voice-to-voice TIME, interrupted" [expanded]',
      'treeitem "tts elevenlabs/eleven_flash_v2_5, TIME, at AT, first byte after TIME, interrupted"',
    ];
    for (const line of expected) assert.ok(snapshot.includes(line), `${line} in\n${snapshot}`);
    const places = await page.getByRole('treeitem').evaluateAll((rows) => rows.map((row) =>
      ['aria-level', 'aria-posinset', 'aria-setsize'].map((name) => Number(row.getAttribute(name)))));
    assert.deepEqual(places.slice(0, 6), [[1, 1, 1], [2, 1, 2], [3, 1, 3], [3, 2, 3], [4, 1, 1], [3, 3, 3]]);
    for (const button of await page.getByRole('button').all()) {
      assert.ok(await button.evaluate((each) => each.hidden || (each.getAttribute('aria-label') ?? each.innerText).trim()), 'a button has a name');
    }
  },

  async says_why_it_is_empty_without_scripts(page) {
    const still = await page.context().browser().newContext({ javaScriptEnabled: false });
    const empty = await still.newPage();
    await empty.goto(url);
    const shown = await empty.locator('body').innerText();
    assert.match(shown, /scripts are switched off here\. Allow them/);
    assert.doesNotMatch(shown, /Timeline|Fold|zoom/, 'nothing that does not work');
  },

  async fits_every_window(page) {
    await item(page, /^tool_call book_slot/).click();
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const width of [400, 640, 900, 1280, 1600, 2000]) {
        await page.setViewportSize({ width, height: 800 });
        const seen = await page.evaluate(() => {
          const shade = (element, property) => {
            const [r, g, b] = getComputedStyle(element)[property].match(/[\d.]+/g).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const panel = shade(document.getElementById('timeline'), 'backgroundColor');
          const contrast = (other) => (Math.max(other, panel) + 0.05) / (Math.min(other, panel) + 0.05);
          const of = (selector, property) => contrast(shade(document.querySelector(selector), property));
          return {
            overflow: document.documentElement.scrollWidth - innerWidth,
            panel,
            texts: ['.label', '.service', '.counts', '.row .first', '.failed .sign', '.interrupted .sign', '.line .who', '.find'].map((each) => [each, of(each, 'color')]),
            bars: ['stt', 'llm', 'tts', 'tool', 'frame'].map((each) => [each, of(`.swatch.${each}`, each === 'frame' ? 'borderTopColor' : 'backgroundColor')]),
            cut: [...document.querySelectorAll('button, .time')].filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth + 1).map((each) => each.innerText),
          };
        });
        const where = `${width} ${colorScheme}: ${JSON.stringify(seen)}`;
        assert.ok(seen.overflow <= 0, where);
        assert.equal(seen.panel > 0.5, colorScheme === 'light', where);
        assert.ok(seen.texts.every(([, contrast]) => contrast >= 4.5), where);
        assert.ok(seen.bars.every(([, contrast]) => contrast >= 3), where);
        assert.deepEqual(seen.cut, [], where);
      }
    }
  },

  async prints_whole(page) {
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.locator('#toolbar button:visible').count(), 0);
    const boxes = await page.evaluate(() => ['timeline', 'transcript'].map((id) => {
      const box = document.getElementById(id);
      return [box.scrollHeight <= box.clientHeight + 1, box.getBoundingClientRect().top];
    }));
    assert.deepEqual(boxes.map(([whole]) => whole), [true, true]);
    assert.ok(boxes[1][1] > boxes[0][1], 'the transcript comes after the timeline');
  },
};

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
try {
  const page = await open(browser);
  await (checks[name] ?? logChecks[name] ?? soundChecks[name] ?? speedChecks[name] ?? turnChecks[name])(page);
  assert.deepEqual(page.complaints, [], 'the page complains or asks for more');
} finally {
  await browser.close();
}
