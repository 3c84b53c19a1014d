// Plays the recording on the time axis. Invariant: where the playhead stands is the audio element's own time.

/** Seconds that an arrow key goes. */
const LEAP = 5;
/** Samples a second from which the waves are drawn, and how many of them make one bar at the deepest zoom. */
const WAVE_RATE = 8_000;
const WAVE_BLOCK = 20;

/**
 * `from` is where the recording begins on the axis, or `null` where there is none, for which `unheard` is the reason; `heard` is told the
 * time that is heard.
 */
function makeSound(from, unheard, length, axis, heard) {
  byId('unheard').hidden = !unheard;
  byId('unheard').textContent = unheard ? `No recording: ${unheard}.` : '';
  if (from === null) return null;
  const audio = byId('recording');
  const [button, slider] = [byId('play'), byId('waves')];
  audio.controls = false;
  byId('sound').hidden = byId('head').hidden = byId('sound-keys').hidden = false;
  document.body.classList.add('with-sound');

  const time = () => from + audio.currentTime * 1e9;
  const seconds = () => (Number.isFinite(audio.duration) ? audio.duration : (length - from) / 1e9);
  let [told, frame] = [time(), null];
  const show = () => {
    const now = time();
    byId('playhead').style.transform = `translateX(${(now / length) * 100}%)`;
    if (isTimeOfCall() && !audio.paused && (now < axis.shown.from || now > axis.shown.to)) axis.pan((now - axis.shown.from) / (axis.shown.to - axis.shown.from));
    if (told !== now) heard(now);
    told = now;
    const text = `${moment(audio.currentTime * 1e9)} of ${moment(seconds() * 1e9)}`;
    if (byId('position').textContent === text) return;
    byId('position').textContent = text;
    slider.setAttribute('aria-valuemax', seconds().toFixed(1));
    slider.setAttribute('aria-valuenow', audio.currentTime.toFixed(1));
    slider.setAttribute('aria-valuetext', text);
  };
  const follow = () => {
    show();
    cancelAnimationFrame(frame);
    if (!audio.paused) frame = requestAnimationFrame(follow);
  };
  const play = () => audio.play().catch((error) => {
    byId('status').textContent = `The recording cannot be played: ${error.message}`;
  });
  const toggle = () => (audio.paused ? play() : audio.pause());
  const seek = (to) => {
    audio.currentTime = Math.min(Math.max((to - from) / 1e9, 0), seconds());
    show();
  };
  const changed = () => {
    const [sign, word] = audio.paused ? ['▶', 'Play'] : ['❚❚', 'Pause'];
    button.textContent = sign;
    button.setAttribute('aria-label', word);
    button.title = `${word} (Space)`;
    follow();
  };
  for (const event of ['play', 'pause', 'ended']) audio.addEventListener(event, changed);
  for (const event of ['seeked', 'timeupdate', 'loadedmetadata']) audio.addEventListener(event, show);
  button.addEventListener('click', toggle);
  const isTimeOfCall = () => !document.body.classList.contains('by-turn');
  for (const lane of [slider, byId('ticks')]) lane.addEventListener('click', (event) => isTimeOfCall() && seek(axis.time(event.clientX)));
  listenToSoundKeys(slider, toggle, (to) => seek(to(audio.currentTime, seconds()) * 1e9 + from));
  makeSides(audio);
  show();
  return { toggle, playFrom: (to) => (seek(to), play()), waves: () => makeWaves(audio, from, axis) };
}

/** The space bar and the arrows, wherever they mean nothing else. */
function listenToSoundKeys(slider, toggle, seek) {
  onWindow('keydown', (event) => {
    const { target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const keys = {
      ' ': target.closest('button:not(.line), summary') ? null : toggle,
      ArrowLeft: () => seek((now) => now - LEAP),
      ArrowRight: () => seek((now) => now + LEAP),
      Home: target === slider ? () => seek(() => 0) : null,
      End: target === slider ? () => seek((_, end) => end) : null,
    };
    if (!keys[event.key] || target.closest('[role=tree]')) return;
    event.preventDefault();
    keys[event.key]();
  });
}

/** Mutes each side. What it takes is made when it is first asked for: until then nothing stands between the file and the ear. */
function makeSides(audio) {
  const buttons = [...document.querySelectorAll('.mute')];
  const waves = document.querySelectorAll('.wave');
  let gains = null;
  const make = () => {
    const context = new AudioContext();
    const [split, join] = [context.createChannelSplitter(2), context.createChannelMerger(2)];
    context.createMediaElementSource(audio).connect(split);
    join.connect(context.destination);
    audio.addEventListener('play', () => context.resume());
    return buttons.map((_, channel) => {
      const gain = context.createGain();
      split.connect(gain, channel).connect(join, 0, channel);
      return gain;
    });
  };
  buttons.forEach((button, channel) => button.addEventListener('click', () => {
    gains ??= make();
    const isMuted = button.getAttribute('aria-pressed') !== 'true';
    gains[channel].gain.value = isMuted ? 0 : 1;
    button.setAttribute('aria-pressed', String(isMuted));
    waves[channel].classList.toggle('muted', isMuted);
  }));
}

/** Draws both channels, as loud as they are, in the part of the axis that is shown. */
async function makeWaves(audio, from, axis) {
  const letters = atob(audio.src.slice(audio.src.indexOf(',') + 1));
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = letters.charCodeAt(at);
  const sound = await new OfflineAudioContext(2, 1, WAVE_RATE).decodeAudioData(bytes.buffer);
  const canvases = [...document.querySelectorAll('.wave')];
  const peaks = canvases.map((_, channel) => peaksOf(sound.getChannelData(channel)));
  const draw = () => canvases.forEach((canvas, channel) => {
    const at = (x) => Math.floor((((axis.shown.from + (x / canvas.width) * (axis.shown.to - axis.shown.from)) - from) / 1e9) * (WAVE_RATE / WAVE_BLOCK));
    [canvas.width, canvas.height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * devicePixelRatio));
    const paper = canvas.getContext('2d');
    paper.fillStyle = getComputedStyle(canvas).color;
    for (let x = 0; x < canvas.width; x += 1) {
      let most = 0;
      for (let block = Math.max(at(x), 0); block < Math.max(at(x + 1), at(x) + 1); block += 1) most = Math.max(most, peaks[channel][block] ?? 0);
      const height = most * canvas.height;
      paper.fillRect(x, (canvas.height - height) / 2, 1, height);
    }
  });
  axis.drawn = draw;
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw, { signal: listening.signal });
  draw();
}

/** The loudest sample of each block. */
function peaksOf(samples) {
  const peaks = new Float32Array(Math.ceil(samples.length / WAVE_BLOCK));
  samples.forEach((sample, at) => {
    const block = Math.floor(at / WAVE_BLOCK);
    peaks[block] = Math.max(peaks[block], Math.abs(sample));
  });
  return peaks;
}
