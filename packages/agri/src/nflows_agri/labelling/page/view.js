// What is seen: the crop, the classes and the batch. Names of files and classes are text, never HTML.

import { fetched } from "/ask.js";

const WAYS = {
  batchbald: "chosen by what they tell the model together (BatchBALD)", bald: "chosen by what each tells the model (BALD)",
  entropy: "chosen by how unsure the model is", random: "chosen by chance",
};
const element = (id) => document.getElementById(id);

export class View {
  // `events` has `answer(place or null)` and `choose(number)`.
  constructor(events) {
    this.events = events;
  }

  classes(classes) {
    const buttons = classes.map(({ name, keys }, place) => this._button(name, keys, () => this.events.answer(place)));
    const skip = this._button("cannot tell", "Space", () => this.events.answer(null));
    element("classes").replaceChildren(...buttons, skip);
    const rows = classes.flatMap(({ name, keys }) => [made("dt", {}, [...keys.toUpperCase()].join(" ")), made("dd", {}, name)]);
    element("shortcuts").prepend(...rows);
  }

  state(state, current) {
    const skipped = state.skipped ? `, ${state.skipped} without a class` : "";
    element("progress").textContent = `${state.labelled} of ${state.crops} labelled${skipped}`;
    element("undo").disabled = !state.can_undo;
    element("about").textContent = state.batch.length
      ? `${state.batch.length} crops ${WAYS[state.by] ?? ""}${state.why ? `: ${state.why}` : ""}` : "";
    element("batch").replaceChildren(...state.batch.map((crop) => this._small(crop, state.classes, current)));
    element("batch").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this._pressed(state, current);
    element("unreadable").hidden = !state.unreadable.length;
    element("unreadable").textContent = `Left out, as they cannot be read: ${state.unreadable.join(", ")}`;
  }

  // The large picture, once it is there: nobody should label what is not seen.
  async crop({ number, name }, place, count) {
    const image = element("crop");
    image.hidden = false;
    image.src = `/crops/${number}`;
    image.alt = `Crop ${place} of ${count}`;
    element("name").textContent = name;
    element("place").textContent = `crop ${place} of ${count}`;
    try {
      await image.decode();
    } catch {
      await fetched(image.src); // says why
      throw new Error(`${name} cannot be shown by this browser`);
    }
  }

  nothing() {
    element("crop").hidden = true;
    for (const id of ["name", "place"]) element(id).textContent = "";
  }

  say(text, isBad = false) {
    element("saved").textContent = text;
    element("saved").classList.toggle("bad", isBad);
  }

  message(text, isBad = false) {
    element("message").hidden = !text;
    element("message").textContent = text;
    element("message").classList.toggle("bad", isBad);
  }

  busy(isBusy) {
    document.querySelector("main").setAttribute("aria-busy", isBusy);
  }

  _pressed({ classes, batch }, current) {
    const shown = batch.find(({ number }) => number === current);
    const chosen = !shown?.is_answered ? -1 : shown.class ?? classes.length;
    [...element("classes").children].forEach((button, place) => {
      button.setAttribute("aria-pressed", place === chosen);
      if (place < classes.length) button.lastChild.textContent = classes[place].count;
    });
  }

  _button(name, keys, action) {
    const shown = keys === "Space" ? [keys] : [...keys];
    const button = made("button", { "aria-keyshortcuts": shown.join(" ") }, ...shown.map((key) => made("kbd", {}, key)), made("span", {}, name), made("span", { class: "count" }));
    button.addEventListener("click", (event) => {
      if (event.detail) button.blur(); // else the space bar, which says something else, would press it again
      action();
    });
    return button;
  }

  _small({ number, name, is_answered: isAnswered, class: place }, classes, current) {
    const words = !isAnswered ? "–" : place === null ? "cannot tell" : classes[place].name;
    const image = made("img", { src: `/crops/${number}`, alt: name, loading: "lazy" });
    const button = made("button", { title: name, ...(number === current ? { "aria-current": "true" } : {}) }, image, made("span", {}, words));
    button.addEventListener("click", () => this.events.choose(number));
    return made("li", {}, button);
  }
}

function made(name, attributes, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}
