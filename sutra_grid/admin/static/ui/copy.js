// Buttons that copy an id, an endpoint, a path or a command.
"use strict";

const SAID_MS = 4000;
let saidTimer = 0;

// Pages on plain http have no clipboard API, unless they come from this machine.
async function copyText(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // The browser forbids it: try the older way.
    }
  }
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hidden";
  field.setAttribute("aria-hidden", "true");
  document.body.append(field);
  field.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}

function say(message) {
  const place = document.getElementById("toast");
  place.textContent = message;
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => {
    place.textContent = "";
  }, SAID_MS);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.dataset.copy;
  const isCopied = await copyText(text);
  say(isCopied ? `Copied ${text}` : "The browser does not allow this page to copy. Select the text and copy it yourself.");
});
