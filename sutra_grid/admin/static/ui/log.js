// The log of a node: pausing it, and leaving it alone while somebody selects text in it.
"use strict";

function isHeld(log) {
  const selection = document.getSelection();
  const isSelecting = selection && !selection.isCollapsed && log.contains(selection.anchorNode);
  return log.hasAttribute("data-paused") || isSelecting;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.matches("[data-log]") && isHeld(event.detail.target)) event.detail.shouldSwap = false;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-pause]");
  if (!button) return;
  const log = document.getElementById(button.dataset.pause);
  const isPaused = log.toggleAttribute("data-paused");
  button.setAttribute("aria-pressed", String(isPaused));
  button.textContent = isPaused ? "Follow" : "Pause";
  document.getElementById("log-paused").textContent = isPaused ? `Paused at ${exactText(new Date())}` : "";
  if (isPaused) return;
  const text = log.querySelector("[data-follows]");
  if (text) text.dataset.away = "false";
  htmx.trigger(log, "refresh");
});
