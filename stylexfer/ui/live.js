// The browser's part of a live run: camera, WebSocket, and the picture. `live_socket.py` says what
// goes over the wire. Gradio runs this as the body of a function with `element` and `props`.

const words = props.words;
const video = element.querySelector("video");
const canvas = element.querySelector("canvas");
const notice = element.querySelector(".live-notice");
const figures = element.querySelector(".live-figures");
const WINDOW = { least: 2, most: 6 }; // frames on their way: more over a slow line
const QUALITY = 0.8;
const NO_FACE_AFTER = 500; // ms

let run = null; // the one under way
let wish = null; // the settings last chosen
let said = null; // what the notice says, in English: language.js translates what is shown

function say(text, problem = false) {
  if (said !== text) notice.textContent = said = text;
  notice.classList.toggle("live-problem", problem);
}

function address() {
  const root = window.gradio_config?.root ?? location.origin + location.pathname;
  const url = new URL(root.replace(/\/*$/, "") + props.path, location.href);
  // The page's own protocol, not that of `root`: behind a proxy the app may not know it is https.
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.search = "";
  return url;
}

async function camera() {
  if (!navigator.mediaDevices) throw words.insecure;
  if (!video.requestVideoFrameCallback) throw words.unsupported;
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        width: { ideal: 640 },
        height: { ideal: 480 },
        frameRate: { ideal: 30, max: 30 },
        facingMode: "user",
      },
    });
  } catch (error) {
    if (error.name === "NotAllowedError" || error.name === "SecurityError") throw words.refused;
    if (error.name === "NotFoundError" || error.name === "OverconstrainedError") {
      throw words.noCamera;
    }
    throw words.inUse;
  }
}

async function start(ticket, ...settings) {
  stop("");
  choose(...settings);
  const mine = (run = {
    stream: null, socket: null, ready: false, sheet: document.createElement("canvas"),
    sent: 0, answered: 0, shown: 0, window: WINDOW.least, line: null, gap: null, heard: null,
    captured: new Map(), departed: new Map(), waiting: null, encoding: false, faceless: null,
    latencies: [], moments: [],
  });
  say(words.asking);
  try {
    const stream = await camera();
    if (run !== mine) return stream.getTracks().forEach((track) => track.stop());
    mine.stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => run === mine && stop(words.inUse, true));
    video.srcObject = stream;
    await video.play();
  } catch (why) {
    if (run === mine) stop(typeof why === "string" ? why : words.inUse, true);
    return;
  }
  if (run !== mine) return;
  say(words.connecting);
  const socket = (mine.socket = new WebSocket(address()));
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    socket.send(JSON.stringify({ ticket }));
    socket.send(told(wish));
  };
  socket.onmessage = ({ data }) => {
    if (run !== mine) return;
    if (typeof data !== "string") return heard(mine, data);
    const told = JSON.parse(data);
    if (told.state === "ended") return stop(told.why, true);
    mine.ready = true;
    say(words.running);
    video.requestVideoFrameCallback((now, frame) => caught(mine, now, frame));
  };
  socket.onclose = () => run === mine && stop(mine.ready ? words.lost : words.blocked, true);
}

function choose(pose, expression, relative, steadiness, mirror) {
  wish = { pose, expression, relative, steadiness, mirror };
  video.classList.toggle("live-mirrored", mirror);
  if (run?.ready) run.socket.send(told(wish));
}

function told({ pose, expression, relative, steadiness }) {
  return JSON.stringify({ pose, expression, relative, steadiness });
}

// A camera frame: sent if fewer than `window` are on their way, else dropped.
function caught(mine, now, frame) {
  if (run !== mine) return;
  video.requestVideoFrameCallback((next, other) => caught(mine, next, other));
  const full = mine.sent - mine.answered >= mine.window;
  if (full || mine.encoding || mine.socket.bufferedAmount > 0 || !video.videoWidth) return;
  const sheet = mine.sheet;
  const scale = Math.min(1, props.width / video.videoWidth);
  const [width, height] = [video.videoWidth, video.videoHeight].map((side) => Math.round(side * scale));
  if (sheet.width !== width || sheet.height !== height) Object.assign(sheet, { width, height });
  const ink = sheet.getContext("2d", { alpha: false });
  ink.setTransform(wish.mirror ? -1 : 1, 0, 0, 1, wish.mirror ? width : 0, 0);
  ink.drawImage(video, 0, 0, width, height);
  mine.encoding = true;
  const captured = frame.captureTime ?? now;
  sheet.toBlob((jpeg) => {
    mine.encoding = false;
    if (run !== mine || !jpeg) return;
    const number = (mine.sent += 1);
    mine.captured.set(number, captured);
    mine.departed.set(number, performance.now());
    const head = new DataView(new ArrayBuffer(4));
    head.setUint32(0, number);
    mine.socket.send(new Blob([head, jpeg]));
  }, "image/jpeg", QUALITY);
}

// A picture came: it answers its frame and all before it, which were dropped on the way.
async function heard(mine, data) {
  const head = new DataView(data);
  const [number, face, spent] = [head.getUint32(0), head.getUint8(4), head.getUint16(5)];
  const now = performance.now();
  const captured = mine.captured.get(number);
  mine.answered = Math.max(mine.answered, number);
  widen(mine, now, now - mine.departed.get(number) - spent);
  for (const known of mine.captured.keys()) {
    if (known > number) break;
    mine.captured.delete(known);
    mine.departed.delete(known);
  }
  mine.faceless = face ? null : mine.faceless ?? now;
  const missing = mine.faceless !== null && now - mine.faceless >= NO_FACE_AFTER;
  if (missing || said === words.noFace) say(missing ? words.noFace : words.running);
  const jpeg = new Blob([new Uint8Array(data, 7)], { type: "image/jpeg" });
  const picture = await createImageBitmap(jpeg);
  if (run !== mine || number < mine.shown) return picture.close();
  mine.shown = number;
  if (mine.waiting) mine.waiting.picture.close();
  else requestAnimationFrame(() => show(mine));
  mine.waiting = { picture, captured };
}

// As many frames on their way as the line holds, so that a distant visitor is not held to one
// picture a round trip.
function widen(mine, now, line) {
  const mean = (old, value) => (old === null ? value : old + 0.1 * (value - old));
  mine.line = mean(mine.line, Math.max(0, line));
  if (mine.heard !== null) mine.gap = mean(mine.gap, now - mine.heard);
  mine.heard = now;
  const held = mine.gap ? Math.floor(mine.line / mine.gap) : 0;
  mine.window = Math.min(WINDOW.most, WINDOW.least + held);
}

function show(mine) {
  if (!mine.waiting) return;
  const { picture, captured } = mine.waiting;
  mine.waiting = null;
  draw(picture);
  picture.close();
  if (run !== mine) return;
  const now = performance.now();
  if (captured !== undefined) mine.latencies.push(now - captured);
  mine.moments.push(now);
  if (mine.moments.length % 10 === 0) tell(mine, now);
}

function draw(picture) {
  const ink = canvas.getContext("2d", { alpha: false });
  ink.imageSmoothingQuality = "high";
  ink.drawImage(picture, 0, 0, canvas.width, canvas.height);
  // In the picture itself, so that a copy of it has it too.
  ink.font = `600 ${canvas.width / 24}px system-ui, sans-serif`;
  const [pad, wide] = [canvas.width / 48, ink.measureText(words.label).width];
  const [high, left] = [canvas.width / 24 + 2 * pad, canvas.width - wide - 3 * pad];
  ink.fillStyle = "rgb(0 0 0 / 65%)";
  ink.fillRect(left, canvas.height - high, wide + 3 * pad, high);
  ink.fillStyle = "white";
  ink.textBaseline = "middle";
  ink.fillText(words.label, left + 1.5 * pad, canvas.height - high / 2);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : 0;
}

function tell(mine, now) {
  const lately = mine.moments.filter((moment) => now - moment < 2000);
  const rate = lately.length > 1 ? (1000 * (lately.length - 1)) / (now - lately[0]) : 0;
  const latency = median(mine.latencies.slice(-50));
  figures.textContent = words.figures
    .replace("{fps}", Math.round(rate))
    .replace("{latency}", Math.round(latency));
  if (mine.moments.length > 20000) mine.moments.splice(0, 10000);
  if (mine.latencies.length > 20000) mine.latencies.splice(0, 10000);
}

function stop(why = words.stopped, problem = false) {
  const old = run;
  run = null;
  if (old) {
    old.stream?.getTracks().forEach((track) => track.stop());
    old.socket?.close();
    old.waiting?.picture.close();
    old.waiting = null;
    video.srcObject = null;
    figures.textContent = "";
  }
  if (why && (old || problem)) say(why, problem);
}

// What Gradio's buttons and sliders call.
window.stylexferLive = {
  start,
  stop: () => stop(),
  choose,
  neutral(relative) {
    if (!run?.ready) return [relative];
    run.socket.send(JSON.stringify({ neutral: true }));
    say(words.neutral);
    setTimeout(() => said === words.neutral && run && say(words.running), 3000);
    return [true];
  },
  // For measuring: when pictures were shown, and how long after the camera, in ms.
  measured: () => run && { moments: run.moments, latencies: run.latencies },
};

say(words.idle);
window.addEventListener("pagehide", () => stop(""));
// Another tab of the page is opened: the camera goes off.
new ResizeObserver(() => run && !element.offsetParent && stop()).observe(element);
