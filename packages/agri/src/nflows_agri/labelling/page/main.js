// The page: one crop at a time; an answer is on the disk before the next crop is shown.

import { ask } from "/ask.js";
import { View } from "/view.js";

const element = (id) => document.getElementById(id);
const view = new View({ answer, choose: (number) => alone(() => show(number)) });
let state = null;
let current = null; // the number of the crop that is shown
let isBusy = true; // until it is seen

const place = () => state.batch.findIndex(({ number }) => number === current);
const open = () => state.batch.find(({ is_answered: isAnswered }) => !isAnswered)?.number ?? null;

// One thing at a time: what is pressed meanwhile is not meant for a crop that nobody has seen.
async function alone(action) {
  if (isBusy) return;
  isBusy = true;
  view.busy(true);
  try {
    await action();
    view.message(state.batch.length && open() !== null ? "" : "All crops have an answer.");
  } catch (error) {
    view.say("Not saved", true);
    view.message(error.message, true);
  }
  isBusy = false;
  view.busy(false);
}

async function show(number) {
  current = number;
  view.state(state, current);
  if (current === null) view.nothing();
  else await view.crop(state.batch[place()], place() + 1, state.batch.length);
}

function answer(chosen) {
  return alone(async () => {
    if (current === null) return;
    state = await ask(`/crops/${current}`, { class: chosen });
    view.say(`Saved: ${chosen === null ? "cannot tell" : state.classes[chosen].name}`);
    if (open() === null) await next();
    await show(following());
  });
}

// The next crop without an answer, also one before; the last one stays if there is none.
function following() {
  const after = state.batch.slice(place() + 1).find(({ is_answered: isAnswered }) => !isAnswered);
  return after?.number ?? open() ?? (place() < 0 ? state.batch[0]?.number ?? null : current);
}

async function next() {
  view.message("Choosing the next crops …");
  state = await ask("/next", {});
}

function undo() {
  return alone(async () => {
    if (!state.can_undo) return;
    state = await ask("/undo", {});
    view.say("Undone");
    await show(state.undone);
  });
}

function move(step) {
  const crop = state.batch[place() + step];
  return crop && alone(() => show(crop.number));
}

document.addEventListener("keydown", (event) => {
  if (!state || event.target.matches("dialog, dialog *") || event.repeat) return;
  const action = event.ctrlKey || event.metaKey || event.altKey ? controlled(event) : pressed(event);
  if (!action) return;
  event.preventDefault();
  action();
});

function controlled({ key, altKey }) {
  return key.toLowerCase() === "z" && !altKey ? undo : null;
}

function pressed({ key, code, target }) {
  const isButton = target.matches("button");
  if (key === " " && !isButton) return () => answer(null);
  if (key === "Backspace") return undo;
  if (key === "ArrowLeft" || key === "ArrowRight") return () => move(key === "ArrowLeft" ? -1 : 1);
  if (key === "?") return () => element("keys").showModal();
  // Where the digits need Shift, as on a French keyboard, the key in their place is meant.
  const typed = /^(Digit|Numpad)[1-9]$/.test(code) ? code.at(-1) : key.toLowerCase();
  const chosen = state.classes.findIndex(({ keys }) => typed.length === 1 && keys.includes(typed));
  return chosen < 0 ? null : () => answer(chosen);
}

element("undo").addEventListener("click", undo);
element("help").addEventListener("click", () => element("keys").showModal());

try {
  state = await ask("/state");
  view.classes(state.classes);
  view.say("Every answer is saved at once");
  isBusy = false;
  await alone(() => show(open() ?? state.batch[0]?.number ?? null));
} catch (error) {
  view.say("Not loaded", true);
  view.message(error.message, true);
}
