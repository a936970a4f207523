// Times as ages, in UTC or in the browser's zone. The server writes ages and UTC; the choice stays in this browser.
"use strict";

const TIMES_KEY = "sutra-grid-times";
const pad = (number) => String(number).padStart(2, "0");

function storedTimes() {
  try {
    const stored = localStorage.getItem(TIMES_KEY);
    return ["age", "utc", "local"].includes(stored) ? stored : "age";
  } catch {
    return "age"; // this browser keeps nothing
  }
}

let times = storedTimes();

// The offset of a moment, because summer time changes it.
function zoneOf(date) {
  if (times !== "local") return "UTC";
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

// The date with its clock shifted, so that the UTC getters give what the clock on the wall shows.
function shown(date) {
  return times === "local" ? new Date(date.getTime() - date.getTimezoneOffset() * 60_000) : date;
}

function clockText(date) {
  return shown(date).toISOString().slice(11, 19);
}

function exactText(date) {
  return `${shown(date).toISOString().slice(0, 10)} ${clockText(date)} ${zoneOf(date)}`;
}

// -- the elements of a page --

function showTime(element) {
  const date = new Date(element.dateTime);
  if (Number.isNaN(date.getTime())) return;
  const form = element.dataset.form || "age";
  const age = form === "age" ? (element.dataset.age ??= element.textContent) : "";
  const text = form === "clock" ? clockText(date) : form === "age" && times === "age" ? age : exactText(date);
  const title = form === "age" && times !== "age" ? age : form === "exact" ? element.title : exactText(date);
  if (element.textContent !== text) element.textContent = text;
  if (element.title !== title) element.title = title;
}

function showTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) showTime(element);
  const zone = zoneOf(new Date());
  for (const element of root.querySelectorAll("[data-zone]")) element.textContent = zone;
}

// An update is converted before it is compared with the page: so only what has changed is replaced.
function convertUpdate(node) {
  if (!(node instanceof Element)) return true;
  if (node.matches("time[datetime]")) showTime(node);
  else if (node.matches("[data-zone]")) node.textContent = zoneOf(new Date());
  return true;
}

Idiomorph.defaults.callbacks.beforeNodeMorphed = (_old, update) => convertUpdate(update);
Idiomorph.defaults.callbacks.beforeNodeAdded = (node) => {
  if (node instanceof Element) showTimes(node);
  return convertUpdate(node);
};
document.addEventListener("htmx:afterSwap", () => showTimes(document));

// -- the switch --

const timesSwitch = document.getElementById("times");
const timesHint = document.getElementById("times-hint");

function setTimes(choice) {
  times = choice;
  timesSwitch.value = choice;
  timesHint.textContent = choice === "age" ? "Hover over a time to see it in UTC." : `All times are in ${zoneOf(new Date())}.`;
  showTimes(document);
}

timesSwitch.addEventListener("change", () => {
  try {
    localStorage.setItem(TIMES_KEY, timesSwitch.value);
  } catch {
    // The choice holds until the page is left.
  }
  setTimes(timesSwitch.value);
});

window.addEventListener("storage", (event) => {
  if (event.key === TIMES_KEY) setTimes(storedTimes());
});

setTimes(times);
