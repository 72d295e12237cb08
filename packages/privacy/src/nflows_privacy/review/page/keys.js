// What keys do: the same as the mouse does.

const KEYS = {
  n: "next", p: "previous", u: "unseen", a: "add", h: "boxes-shown", v: "after", "+": "in", "=": "in", "-": "out", 0: "fit", "?": "help", z: "closer",
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// `page` has what keys need of it: `boxes()`, `changed()`, `remove()`, `escape()` and `kind(index)`.
export function watchKeys(actions, page) {
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("select, input, dialog *") || event.metaKey) return;
    const action = event.ctrlKey ? controlled(event, actions) : pressed(event, actions, page);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function controlled({ key, shiftKey }, actions) {
  const word = key.toLowerCase();
  if (word === "y" || (word === "z" && shiftKey)) return actions.redo;
  return word === "z" ? actions.undo : null;
}

function pressed(event, actions, page) {
  const { key, target } = event;
  if (key in ARROWS) return arrow(event, actions, page);
  if (!event.altKey && key in KEYS) return actions[KEYS[key]];
  if (!page.boxes()) return null;
  if (key === "Delete" || key === "Backspace") return page.remove;
  if (key === "Escape") return page.escape;
  if (key === "Enter" && !target.matches("button, a")) return actions.nothing;
  return /^[1-9]$/.test(key) ? () => page.kind(Number(key) - 1) : null;
}

function arrow({ key, shiftKey, altKey }, actions, page) {
  const boxes = page.boxes();
  if (!boxes?.one) return { ArrowLeft: actions.previous, ArrowRight: actions.next }[key];
  const [across, down] = ARROWS[key].map((step) => step * (shiftKey ? 10 : 1));
  const [left, top, right, bottom] = boxes.one.box;
  const box = altKey ? boxes.within([left, top, right + across, bottom + down]) : boxes.moved(boxes.one.box, across, down);
  return () => boxes.replace(boxes.chosen, { box }) && page.changed();
}
