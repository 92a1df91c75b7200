// j and k walk the list of cases; Enter follows the link that has the focus, as it always does.
function move(step) {
  const rows = [...document.querySelectorAll("#rows a.row")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  rows[next].focus();
  rows[next].scrollIntoView({ block: "nearest" });
}

export function startList() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const step = { j: 1, k: -1 }[event.key];
    if (!step || !document.getElementById("rows")) return;
    event.preventDefault();
    move(step);
  });
}
