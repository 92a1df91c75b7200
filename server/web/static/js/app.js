// Starts what the page needs, and again after htmx has put new content in.
import { startKeys } from "./keys.js";
import { startList } from "./list.js";
import { startOverlay } from "./overlay.js";
import { startMap } from "./map.js";
import { localTimes } from "./times.js";

function start() {
  localTimes(document);
  startOverlay();
  startMap();
}

startKeys();
startList();
start();

document.addEventListener("htmx:afterSettle", () => {
  document.getElementById("trouble")?.setAttribute("hidden", "");
  start();
});

// A server that does not answer, or answers without a page: say so, and where the session has ended, log in again.
function trouble(event) {
  if (event.detail.xhr?.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    return;
  }
  const notice = document.getElementById("trouble");
  notice?.removeAttribute("hidden");
  notice?.scrollIntoView({ block: "nearest" });
}
document.addEventListener("htmx:sendError", trouble);
document.addEventListener("htmx:responseError", trouble);
