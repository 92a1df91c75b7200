// Redrawing a box: drag on the picture with mouse, pen or finger, or type the four edges. All numbers are pixels of
// the picture, whatever size it has on the screen.
const MIN_PX = 3;

function parts() {
  const form = document.getElementById("draw-form");
  if (!form) return null;
  return {
    form,
    stage: document.getElementById("stage"),
    svg: document.getElementById("overlay"),
    draft: document.getElementById("draft"),
    choice: document.getElementById("draw-box"),
  };
}

function toPicture(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const inside = (value, size) => Math.min(Math.max(value, 0), Number(size));
  return [inside(point.x, svg.dataset.width), inside(point.y, svg.dataset.height)];
}

function setEdges(form, [left, top, right, bottom]) {
  for (const [name, value] of Object.entries({ left, top, right, bottom })) form.elements[name].value = value.toFixed(1);
}

function showDraft({ form, draft }) {
  const [left, top, right, bottom] = ["left", "top", "right", "bottom"].map((name) => Number(form.elements[name].value));
  draft.setAttribute("x", left);
  draft.setAttribute("y", top);
  draft.setAttribute("width", Math.max(0, right - left));
  draft.setAttribute("height", Math.max(0, bottom - top));
  draft.setAttribute("visibility", "visible");
}

function begin(all) {
  const option = all.choice.selectedOptions[0];
  if (option) setEdges(all.form, option.dataset.xyxy.split(" ").map(Number));
  all.form.hidden = false;
  all.stage.classList.add("drawing");
  showDraft(all);
  all.stage.scrollIntoView({ block: "nearest" });
}

function end({ form, stage, draft }) {
  form.hidden = true;
  stage.classList.remove("drawing");
  draft.setAttribute("visibility", "hidden");
}

function drag(all) {
  let from = null;
  all.svg.addEventListener("pointerdown", (event) => {
    if (!all.stage.classList.contains("drawing") || event.button !== 0) return;
    event.preventDefault();
    from = toPicture(all.svg, event);
    all.svg.setPointerCapture(event.pointerId);
  });
  all.svg.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = toPicture(all.svg, event);
    if (Math.abs(x - from[0]) < MIN_PX || Math.abs(y - from[1]) < MIN_PX) return;
    setEdges(all.form, [Math.min(x, from[0]), Math.min(y, from[1]), Math.max(x, from[0]), Math.max(y, from[1])]);
    showDraft(all);
  });
  const stop = () => {
    from = null;
  };
  all.svg.addEventListener("pointerup", stop);
  all.svg.addEventListener("pointercancel", stop);
}

export function startOverlay() {
  document.getElementById("show-others")?.addEventListener("change", (event) => {
    document.getElementById("stage")?.classList.toggle("hide-others", !event.target.checked);
  });
  const all = parts();
  if (!all || all.form.dataset.started) return;
  all.form.dataset.started = "yes";
  drag(all);
  all.form.addEventListener("input", (event) => {
    if (event.target === all.choice) begin(all);
    else showDraft(all);
  });
  document.getElementById("redraw").addEventListener("click", () => begin(all));
  document.getElementById("draw-cancel").addEventListener("click", () => end(all));
}

document.addEventListener("keydown", (event) => {
  const all = parts();
  if (!all || all.form.hidden || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") end(all);
  else if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement)) all.form.requestSubmit();
  else return;
  event.preventDefault();
});
