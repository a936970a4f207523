// What the pages add to their links and forms. Without it all of them can be read and used.
"use strict";

// -- polling --

// A hidden tab asks for nothing; when it is seen again it asks at once.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt } = event.detail;
  const isIdle = elt.hasAttribute("data-progress") && !elt.closest(".htmx-request");
  if (isIdle || (elt.hasAttribute("data-polls") && document.hidden)) event.preventDefault();
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});

function refresh() {
  for (const element of document.querySelectorAll("[data-polls]")) htmx.trigger(element, "refresh");
}

// An admin that does not answer is told once, and what is shown stays, marked as old.
let answeredAt = new Date();

function tellConnection(words) {
  const place = document.getElementById("connection");
  if (place.textContent !== words) place.textContent = words;
  place.hidden = !words;
  document.body.classList.toggle("old", Boolean(words));
}

for (const kind of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(kind, (event) => {
    const since = answeredAt.toLocaleTimeString();
    tellConnection(`The admin does not answer. What is shown is of ${since}, and is asked for again.`);
    if (event.detail.elt.matches("form")) tellFailure(event.detail.elt);
  });
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.xhr || event.detail.xhr.status === 0) return;
  answeredAt = new Date();
  tellConnection("");
});

function tellFailure(form) {
  const place = form.querySelector("[data-failure]");
  if (place) place.textContent = "The admin does not answer, so the outcome is not known. Look before you try again.";
}

// -- morphing: what a person has done to the page stays --

Idiomorph.defaults.ignoreActiveValue = true;
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) => {
  if (name === "open" && element.matches("details")) return false;
  if (name === "checked" && element.matches("input[type=checkbox]")) return false;
  if (name === "data-away") return false;
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

// A log stays at its end, unless somebody has scrolled away from it.
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

// While a command is under way the dialog can't be left by accident: its outcome is about to be told there.
dialog.addEventListener("cancel", (event) => {
  if (dialog.querySelector(".htmx-request")) event.preventDefault();
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-dialog]")) return;
  event.preventDefault();
  const asked = new URLSearchParams(new FormData(event.target));
  openDialog(`${event.submitter.getAttribute("formaction")}?${asked}`);
});

// -- selecting --

function countSelected() {
  for (const form of document.querySelectorAll("form[data-selects]")) {
    const boxes = [...form.querySelectorAll("input[name=node_id]")];
    const count = boxes.filter((box) => box.checked).length;
    const words = form.querySelector("[data-count]");
    words.textContent = count ? `${count} selected` : "Select nodes to act on them";
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

for (const element of document.querySelectorAll("[data-scripted]")) element.hidden = false;
countSelected();
for (const log of document.querySelectorAll("[data-follows]")) follow(log);
