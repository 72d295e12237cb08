// The page: one picture at a time, what its buttons and keys do, and that nothing is left behind unsaved.

import { Boxes } from "/boxes.js";
import { watchKeys } from "/keys.js";
import { BoxList, PictureList, options } from "/lists.js";
import { Redaction } from "/redaction.js";
import { ask } from "/ask.js";
import { download, Saver } from "/saving.js";
import { Stage } from "/stage.js";

const element = (id) => document.getElementById(id);
let kinds = [];
let marks = null; // of the picture that is shown: number, sha256, version
let boxes = null;
let opening = 0;

const saver = new Saver((state) => {
  const isError = state instanceof Error;
  element("saved").textContent = isError ? `Not saved: ${state.message}` : state === "saved" ? "Saved" : "Saving";
  element("saved").classList.toggle("bad", isError);
  element("repair").hidden = !isError;
  if (state === "saved") pictures.mark(marks.number, { changed: true });
  if (marks) element("untouched").hidden = marks.version !== "0";
});
const pictures = new PictureList(element("pictures"), element("progress"), open);
const list = new BoxList(element("boxes"), {
  choose: (number) => { choose(number); stage.reveal(false); },
  name: (number, kind) => boxes.replace(number, { kind }) && changed(),
  remove: (number) => { boxes.chosen = number; remove(); },
});
const stage = new Stage(element("stage"), () => kinds, {
  chosen: () => list.draw(boxes, kinds),
  kind: () => element("kind").value,
  drawn: (box) => boxes.add(box, element("kind").value) && changed(),
  moved: (number, box) => boxes.replace(number, { box }) && changed(),
  zoomed: (scale) => { element("zoom").textContent = `${Math.round(scale * 100)} %`; },
});
const redaction = new Redaction(element, saver, () => marks, stage, complain);

function changed() {
  draw();
  saver.save(marks, boxes.regions);
}

function draw() {
  stage.draw();
  list.draw(boxes, kinds);
  element("undo").disabled = !boxes.before.length;
  element("redo").disabled = !boxes.after.length;
}

function choose(number) {
  boxes.chosen = number;
  draw();
}

function remove() {
  if (boxes.remove()) changed();
}

function addInView() {
  const [x, y] = stage.middle();
  const half = 24 / stage.view.scale;
  if (boxes.add([x - half, y - half, x + half, y + half], element("kind").value)) changed();
}

async function open(number) {
  if (number < 0 || number >= pictures.pictures.length) return;
  await saver.running;
  if (!saver.isDone) return; // what is not saved stays on the screen, and says so
  const turn = ++opening;
  pictures.choose(number);
  try {
    const found = await ask(`/pictures/${number}`);
    if (turn === opening) await show(number, found);
  } catch (error) {
    if (turn === opening) fail(number, error);
  }
}

async function show(number, found) {
  marks = { number, sha256: found.sha256, version: found.version };
  boxes = new Boxes(found.regions, found.width, found.height);
  for (const { kind } of found.regions) if (!kinds.includes(kind)) kinds = [...kinds, kind];
  element("kind").replaceChildren(...options(kinds, element("kind").value || kinds[0]));
  element("name").textContent = pictures.pictures[number].name;
  element("size").textContent = `${found.width} × ${found.height} pixels`;
  element("problem").hidden = true;
  element("untouched").hidden = found.version !== "0";
  element("saved").textContent = found.version === "0" ? "Nothing to save" : "Saved";
  history.replaceState(null, "", `#${number + 1}`);
  stage.open(boxes, redaction.source(number));
  draw();
  await ask(`/pictures/${number}/seen`, {});
  pictures.mark(number, { seen: true });
}

function complain(error) {
  element("problem").textContent = error.message;
  element("problem").hidden = false;
}

function fail(number, error) {
  [marks, boxes, stage.boxes] = [null, null, null];
  element("name").textContent = pictures.pictures[number].name;
  element("size").textContent = "";
  for (const id of ["boxes", "marks", "parts"]) element(id).replaceChildren();
  element("preview").removeAttribute("href");
  complain(error);
}

const current = () => pictures.list.querySelector("[aria-current]");
const number = () => pictures.buttons.indexOf(current());
const whenOpen = (action) => () => { if (boxes) action(); };
const actions = {
  previous: () => open(number() - 1),
  next: () => open(number() + 1),
  unseen: () => open(pictures.unseen(number()) ?? -1),
  add: whenOpen(addInView),
  undo: whenOpen(() => boxes.undo() && changed()),
  redo: whenOpen(() => boxes.redo() && changed()),
  in: () => stage.zoom(1.5),
  out: () => stage.zoom(1 / 1.5),
  fit: () => stage.fit(),
  closer: () => stage.reveal(true),
  "boxes-shown": whenOpen(() => {
    stage.isShown = !stage.isShown;
    element("boxes-shown").setAttribute("aria-pressed", stage.isShown);
    stage.draw();
  }),
  nothing: whenOpen(() => marks.version === "0" && saver.save(marks, boxes.regions)),
  after: whenOpen(() => redaction.toggle()),
  redact: () => redaction.start(),
  coco: () => download("/coco", "boxes.json").catch(complain),
  help: () => element("keys").showModal(),
  again: () => saver.again(),
  discard: () => { saver.discard(); open(marks.number); },
};
for (const [id, action] of Object.entries(actions)) element(id)?.addEventListener("click", action);
watchKeys(actions, {
  boxes: () => boxes,
  changed,
  choose,
  remove,
  escape: () => (stage.drag ? stage.cancel() : choose(null)),
  kind: (index) => {
    if (index >= kinds.length) return;
    if (boxes.one) boxes.replace(boxes.chosen, { kind: kinds[index] }) && changed();
    else element("kind").value = kinds[index];
  },
});
addEventListener("beforeunload", (event) => { if (!saver.isDone) event.preventDefault(); });
element("preview").addEventListener("error", () => redaction.explain());

const all = await ask("/pictures");
kinds = all.kinds;
redaction.offer(all.can_redact);
pictures.fill(all.pictures);
const asked = Number(location.hash.slice(1)) - 1;
await open(asked in all.pictures ? asked : Math.max(0, pictures.unseen(-1) ?? 0));
