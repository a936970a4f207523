// Polling, dialogs and selection. The pages also work without this script.
"use strict";

// -- polling --

// A hidden tab does not poll. It refreshes as soon as it is visible.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt } = event.detail;
  const isIdle = elt.hasAttribute("data-progress") && !elt.closest(".htmx-request");
  if (isIdle || elt.hasAttribute("data-paused") || (elt.hasAttribute("data-polls") && document.hidden)) event.preventDefault();
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});

function refresh() {
  for (const element of document.querySelectorAll("[data-polls]")) htmx.trigger(element, "refresh");
}

// When the admin does not respond, the page shows a message and stays, marked as outdated.
let answeredAt = new Date();

function showConnection(message) {
  const place = document.getElementById("connection");
  if (place.textContent !== message) place.textContent = message;
  place.hidden = !message;
  document.body.classList.toggle("old", Boolean(message));
}

for (const kind of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(kind, (event) => {
    const since = exactText(answeredAt);
    showConnection(`The admin does not respond. This page is from ${since}. Retrying …`);
    if (event.detail.elt.matches("form")) showFailure(event.detail.elt);
  });
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.xhr || event.detail.xhr.status === 0) return;
  answeredAt = new Date();
  showConnection("");
});

function showFailure(form) {
  const place = form.querySelector("[data-failure]");
  if (place) place.textContent = "The admin does not respond, so the outcome is unknown. Check the current state before you try again.";
}

// -- morphing: an update keeps what the user changed on the page --

Idiomorph.defaults.ignoreActiveValue = true;
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) => {
  if (name === "open" && element.matches("details")) return false;
  if (name === "checked" && element.matches("input[type=checkbox]")) return false;
  if (name === "data-away" || name === "data-paused") return false;
  if (name === "hidden" && element.matches("[data-scripted]")) return false;
  if (name === "disabled" && element.matches("[data-needs-selection]")) return false;
  return true;
};

document.addEventListener("htmx:afterSwap", () => {
  countSelected();
  const failure = dialog.open ? dialog.querySelector(".failure, .failed") : null;
  if (failure) failure.focus();
  for (const log of document.querySelectorAll("[data-follows]")) follow(log);
});

// A log follows its end, unless the user has scrolled away.
function follow(log) {
  if (log.dataset.away !== "true") log.scrollTop = log.scrollHeight;
}

document.addEventListener(
  "scroll",
  (event) => {
    const log = event.target;
    if (!(log instanceof Element) || !log.hasAttribute("data-follows")) return;
    log.dataset.away = String(log.scrollHeight - log.scrollTop - log.clientHeight > 24);
  },
  true,
);

// -- dialogs --

const dialog = document.getElementById("dialog");

function openDialog(url) {
  htmx.ajax("GET", url, { target: "#dialog", swap: "innerHTML" }).then(() => {
    if (!dialog.open) dialog.showModal();
  });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (link && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    event.preventDefault();
    openDialog(link.getAttribute("href"));
    return;
  }
  if (dialog.open && event.target.closest("[data-cancel]")) {
    event.preventDefault();
    dialog.close();
  }
});

dialog.addEventListener("close", () => {
  dialog.replaceChildren();
  refresh();
});

// While a command runs, Escape does not close the dialog, because the outcome appears in it.
dialog.addEventListener("cancel", (event) => {
  if (dialog.querySelector(".htmx-request")) event.preventDefault();
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-dialog]")) return;
  event.preventDefault();
  const query = new URLSearchParams(new FormData(event.target));
  openDialog(`${event.submitter.getAttribute("formaction")}?${query}`);
});

// -- selecting --

function countSelected() {
  for (const form of document.querySelectorAll("form[data-selects]")) {
    const boxes = [...form.querySelectorAll("input[name=node_id]")];
    const count = boxes.filter((box) => box.checked).length;
    const label = form.querySelector("[data-count]");
    label.textContent = count ? `${count} selected` : "Select nodes to run a command";
    for (const button of form.querySelectorAll("[data-needs-selection]")) button.disabled = !count;
    const all = form.querySelector("[data-all]");
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-selects]");
  if (!form) return;
  if (event.target.hasAttribute("data-all")) {
    for (const box of form.querySelectorAll("input[name=node_id]")) box.checked = event.target.checked;
  }
  countSelected();
});

document.documentElement.classList.add("scripted");
for (const element of document.querySelectorAll("[data-scripted]")) element.hidden = false;
countSelected();
for (const log of document.querySelectorAll("[data-follows]")) follow(log);
