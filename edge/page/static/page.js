// Draws what the box says, once a second while the page is looked at. Every text is set as text, never as markup.

const $ = (id) => document.getElementById(id);
const EVERY_MS = 1000, PATIENCE_MS = 5000;
let csrf = "", drawn = {}, state = null, failures = 0;

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name === "press") node.addEventListener("click", value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}
const both = (text) => [make("b", {}, text.zh), make("i", { lang: "en" }, text.en)];

function show(id) {
  for (const main of ["pair", "riding", "page"]) $(main).hidden = main !== id;
  if (id !== "page") { $("undo").hidden = true; if ($("kinds").open) $("kinds").close(); }
}

// Redraws a part only when it changed: a button must not vanish under a thumb.
function draw(id, what, ...nodes) {
  const key = JSON.stringify(what);
  if (drawn[id] === key) return;
  drawn[id] = key;
  $(id).replaceChildren(...nodes.flat());
}

async function ask(path, body) {
  const options = { signal: AbortSignal.timeout(PATIENCE_MS), credentials: "same-origin" };
  if (body) Object.assign(options, {
    method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
  });
  const answer = await fetch(path, options);
  return { status: answer.status, data: await answer.json().catch(() => ({})) };
}

function alarm(a) {
  return make("div", { class: `alarm ${a.severity === "critical" ? "bad" : "warn"}`, role: "alert" }, ...both(a.says));
}
const MARK = { ok: "✓", warn: "!", bad: "✕", off: "–" };
function light(l) {
  return make("div", { class: "light" }, make("div", { class: `dot ${l.level}`, "aria-hidden": "true" }, MARK[l.level]),
    make("span", {}, make("b", {}, l.name.zh), make("span", {}, l.says.zh), make("i", { lang: "en" }, `${l.name.en}: ${l.says.en}`)));
}
function look(l) {
  const zh = l.seen.map((s) => `${s.name.zh} ×${s.count}`).join("，") || "没有目标";
  const en = l.seen.map((s) => `${s.name.en} ×${s.count}`).join(", ") || "nothing";
  const image = make("img", { src: `/api/looks/${l.index}.jpg?${l.seq}`, alt: `${l.camera} ${zh} ${en}` });
  image.addEventListener("error", () => { image.hidden = true; });
  return make("div", { class: "look" }, image, make("div", { class: "words" }, ...both({ zh, en })));
}
function age(at) {
  const minutes = Math.max(0, Math.round((Date.now() - new Date(at)) / 60000));
  const clock = new Date(at).toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit" });
  return minutes < 60 ? { zh: `${clock}（${minutes} 分钟前）`, en: `${minutes} min ago` } : { zh: clock, en: "" };
}
function report(r) {
  const card = make("article", { class: "report" });
  if (r.picture) card.append(make("img", { src: `/api/reports/${r.id}/picture`, alt: `${r.cue.zh} ${r.cue.en}`, loading: "lazy" }));
  const words = make("div", { class: "words" },
    make("div", { class: "head" }, make("div", {}, ...both(r.kind)),
      make("span", { class: `tag ${r.sure ? "sure" : ""}` }, `${r.outcome.zh} ${r.percent}% `, make("span", { lang: "en" }, r.outcome.en))),
    make("p", {}, ...both({ zh: `${r.cue.zh} · ${age(r.at).zh}`, en: [r.cue.en, age(r.at).en].filter(Boolean).join(" · ") })),
    make("p", { class: "small" }, r.place
      ? `${r.place[1].toFixed(5)}, ${r.place[0].toFixed(5)}${r.zones.length ? ` · ${r.zones.join(", ")}` : ""}` : "位置未知 · place unknown"),
    make("ul", {}, ...r.reasons.map((reason) => make("li", {}, ...both(reason)))));
  words.append(r.note
    ? make("p", { class: "done" }, ...both({ zh: "✓ 已现场劝导", en: "Warned on site" }))
    : make("button", { class: "big", press: () => press("/api/warned", { report_id: r.id }) }, ...both({ zh: "已现场劝导", en: "Warned on site" })));
  card.append(words);
  return card;
}

function drawPage(s) {
  csrf = s.csrf;
  show("page");
  draw("alarms", s.alarms, s.alarms.map(alarm));
  draw("lights", s.lights, s.lights.map(light));
  draw("looks", s.looks.map((l) => [l.index, l.seq, l.seen]), s.looks.map(look));
  draw("reports", s.reports.map((r) => [r, age(r.at)]), s.reports.map(report));
  $("none").hidden = s.reports.length > 0;
  draw("waiting", [s.waiting, s.missed], s.waiting ? `${s.waiting} 条记录待上传 · ${s.waiting} notes wait to be sent` : "");
  $("undo").hidden = !s.undo;
  if (s.undo) {
    const what = s.undo.said === "warned" ? { zh: "已记：现场劝导", en: "Kept: warned on site" } : { zh: "已记：漏报", en: "Kept: missed one" };
    draw("undo-says", [s.undo.said, s.undo.undo_s], ...both({ zh: `${what.zh}（${s.undo.undo_s} 秒内可撤销）`, en: what.en }));
  }
}

async function press(path, body) {
  for (const button of document.querySelectorAll("main button")) button.disabled = true;
  try {
    const { status, data } = await ask(path, body);
    $("says").hidden = status < 400;
    if (status >= 400) draw("says", [status, data], ...both({ zh: data.zh ?? "没有保存", en: data.en ?? "Not saved" }));
  } catch {
    $("says").hidden = false;
    draw("says", "silent", ...both({ zh: "没有保存：终端没有应答", en: "Not saved: the box did not answer" }));
  }
  for (const button of document.querySelectorAll("main button")) button.disabled = false;
  await refresh();
}

async function refresh() {
  try {
    const { status, data } = await ask("/api/state");
    failures = 0;
    if (status === 401) show("pair");
    else if (status === 200 && data.riding) { state = null; show("riding"); draw("riding-alarms", data.alarms, data.alarms.map(alarm)); }
    else if (status === 200) { state = data; drawPage(data); }
    else failures += 1;
  } catch { failures += 1; }
  $("silent").hidden = failures < 3;
  // What cannot be known any more is not shown, and cannot be pressed: the vehicle may move.
  if (failures >= 3) show(null);
}

$("missed").addEventListener("click", () => {
  const send = (kind) => { $("kinds").close(); press("/api/missed", kind ? { kind } : {}); };
  $("kind-list").replaceChildren(...state.kinds.map((k) => make("button", { class: "big", press: () => send(k.value) }, ...both(k.name))),
    make("button", { class: "big", press: () => send(null) }, ...both({ zh: "不说明，直接记下", en: "Just keep it" })));
  $("kinds").showModal();
});
$("undo-press").addEventListener("click", () => state?.undo && press("/api/undo", { note_id: state.undo.id }));
$("pair-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { status, data } = await ask("/api/pair", { code: $("code").value }).catch(() => ({ status: 0, data: {} }));
  $("pair-says").hidden = status === 200;
  draw("pair-says", [status, data], ...both({ zh: data.zh ?? "终端没有应答", en: data.en ?? "The box did not answer" }));
  if (status === 200) refresh();
});

async function go() {
  if (!document.hidden) await refresh();
  setTimeout(go, EVERY_MS);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
go();
