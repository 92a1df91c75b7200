// One key, one element: whatever carries data-key is clicked when its key is pressed. An open dialog hears its own
// keys only, and nobody hears keys that are being typed into a field.
const TYPING = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";

function pressed(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof Element && event.target.closest(TYPING)) return;
  const dialog = document.querySelector("dialog[open]");
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!dialog && key === "?") {
    event.preventDefault();
    open("help");
    return;
  }
  const scope = dialog ?? document;
  const target = [...scope.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find(
    (element) => !element.disabled && element.closest("dialog") === dialog,
  );
  if (target) {
    event.preventDefault();
    target.click();
  }
}

function open(id) {
  const dialog = document.getElementById(id);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

// The backdrop belongs to the dialog element, so only the place of the click tells them apart.
function beside(dialog, event) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom;
}

export function startKeys() {
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {
    const opener = event.target instanceof Element ? event.target.closest("[data-open]") : null;
    if (opener) open(opener.dataset.open);
    else if (event.target instanceof HTMLDialogElement && beside(event.target, event)) event.target.close();
  });
}
