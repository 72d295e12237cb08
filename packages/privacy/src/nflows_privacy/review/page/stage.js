// The picture with its boxes: what is seen of it, and what a pointer does to it.

import { between } from "/boxes.js";

const SVG = "http://www.w3.org/2000/svg";
const HANDLES = { nw: [0, 0], n: [0.5, 0], ne: [1, 0], e: [1, 0.5], se: [1, 1], s: [0.5, 1], sw: [0, 1], w: [0, 0.5] };
const LABEL = 45; // pixels of the screen: over narrower boxes the words would cover each other
const CLICK = 4; // pixels of the screen within which a drag is a click
const PREVIEW_SIDE = 2048; // pixels of the longer side of what is shown of a whole picture
const CLOSEST = 40; // pixels of the screen for one of the picture

export class Stage {
  // `events` has `chosen()`, `drawn(box)`, `moved(number, box)` and `zoomed(scale)`.
  constructor(svg, kinds, events) {
    this.svg = svg;
    this.kinds = kinds;
    this.events = events;
    this.boxes = null;
    this.view = { x: 0, y: 0, scale: 1 };
    this.drag = null;
    this.isShown = true;
    [this.preview, this.parts, this.marks] = ["preview", "parts", "marks"].map((id) => svg.querySelector(`#${id}`));
    svg.addEventListener("pointerdown", (event) => this._down(event));
    svg.addEventListener("pointermove", (event) => this._move(event));
    svg.addEventListener("pointerup", (event) => this._up(event));
    svg.addEventListener("pointercancel", () => this.cancel());
    svg.addEventListener("contextmenu", (event) => event.preventDefault());
    svg.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    new ResizeObserver(() => this._resized()).observe(svg);
  }

  open(boxes, source) {
    Object.assign(this, { boxes, drag: null });
    for (const [name, value] of [["width", boxes.width], ["height", boxes.height]]) this.preview.setAttribute(name, value);
    this.show(source);
    this.fit();
  }

  // Parts of a picture have the address of the whole and their place.
  show(source) {
    this.source = source;
    this.preview.setAttribute("href", source);
    this.parts.replaceChildren();
    this._sharpen();
  }

  fit() {
    if (!this.boxes) return;
    const { width, height } = this.svg.getBoundingClientRect();
    const scale = Math.min(width / this.boxes.width, height / this.boxes.height) * 0.98;
    this.least = scale / 2;
    this.isFit = true;
    this._look((this.boxes.width - width / scale) / 2, (this.boxes.height - height / scale) / 2, scale);
  }

  zoom(factor, at = this._middle()) {
    if (!this.boxes) return;
    const scale = between(this.least, this.view.scale * factor, CLOSEST);
    const [x, y] = this._place(at);
    this.isFit = false;
    this._look(x - (x - this.view.x) * (this.view.scale / scale), y - (y - this.view.y) * (this.view.scale / scale), scale);
  }

  // Moves the view so that the chosen box is seen, and if it is to be close, a quarter of the view.
  reveal(isClose) {
    const box = this.boxes?.one?.box;
    if (!box) return;
    const { width, height } = this.svg.getBoundingClientRect();
    const close = between(this.least, Math.min(width / (box[2] - box[0]), height / (box[3] - box[1])) / 4, CLOSEST);
    const { x, y, scale } = this.view;
    const isSeen = box[0] >= x && box[1] >= y && box[2] <= x + width / scale && box[3] <= y + height / scale;
    if (isSeen && !isClose) return;
    const next = isClose ? close : scale;
    this.isFit = false;
    this._look((box[0] + box[2] - width / next) / 2, (box[1] + box[3] - height / next) / 2, next);
  }

  middle() {
    return this._place(this._middle());
  }

  cancel() {
    this.drag = null;
    this.svg.classList.remove("panning");
    this.draw();
  }

  draw() {
    const focused = document.activeElement?.closest?.(".box")?.dataset.number;
    this.marks.replaceChildren();
    if (!this.boxes || !this.isShown) return;
    const regions = this.boxes.regions.map((region, number) => ({ ...region, number }));
    const drag = this.drag;
    if (drag?.box && drag.number !== null) regions[drag.number].box = drag.box;
    if (drag?.box && drag.number === null) regions.push({ kind: drag.kind, box: drag.box, number: null });
    // The smaller one lies above, so that it can be reached.
    for (const region of regions.sort((a, b) => area(b.box) - area(a.box))) this.marks.append(this._mark(region));
    if (this.boxes.one) this.marks.append(...this._handles(regions.find(({ number }) => number === this.boxes.chosen).box));
    if (focused !== undefined) this.marks.querySelector(`[data-number="${focused}"]`)?.focus({ preventScroll: true });
  }

  _mark({ kind, box, number }) {
    const index = Math.max(0, this.kinds().indexOf(kind));
    const isSmall = (box[2] - box[0]) * this.view.scale < LABEL;
    const states = `${number === this.boxes.chosen ? "chosen" : ""} ${isSmall ? "small" : ""}`;
    const group = made("g", { class: `box kind-${index % 6} ${states}` });
    group.append(...["under", "line"].map((name) => made("rect", { class: name, ...sides(box) })));
    const text = made("text", { x: box[0], y: box[1] - 5 / this.view.scale, "font-size": 13 / this.view.scale });
    text.textContent = kind;
    group.append(text);
    if (number !== null) {
      const place = box.map(Math.round).join(", ");
      Object.entries({ "data-number": number, tabindex: 0, role: "button", "aria-label": `${kind} at ${place}` })
        .forEach(([name, value]) => group.setAttribute(name, value));
      group.addEventListener("focus", () => this._choose(number));
    }
    return group;
  }

  _handles([left, top, right, bottom]) {
    const side = 9 / this.view.scale;
    return Object.entries(HANDLES).map(([name, [across, down]]) => made("rect", {
      class: `handle ${name}`, "data-handle": name, width: side, height: side,
      x: left + across * (right - left) - side / 2, y: top + down * (bottom - top) - side / 2,
    }));
  }

  _choose(number) {
    if (this.boxes.chosen === number) return;
    this.boxes.chosen = number;
    this.draw();
    this.events.chosen();
  }

  _down(event) {
    if (!this.boxes || this.drag) return;
    event.preventDefault();
    this.svg.focus({ preventScroll: true });
    this.svg.setPointerCapture(event.pointerId);
    const start = { at: [event.clientX, event.clientY], from: this._place([event.clientX, event.clientY]), view: this.view };
    const handle = event.target.dataset.handle;
    const mark = event.target.closest(".box");
    if (event.button !== 0) {
      this.svg.classList.add("panning");
      this.drag = { ...start, what: "pan" };
    } else if (handle) {
      this.drag = { ...start, what: handle, number: this.boxes.chosen, old: this.boxes.one.box };
    } else if (mark && !event.shiftKey) {
      const number = Number(mark.dataset.number);
      this._choose(number);
      this.drag = { ...start, what: "move", number, old: this.boxes.regions[number].box };
    } else {
      this.drag = { ...start, what: "draw", number: null, kind: this.events.kind() };
    }
  }

  _move(event) {
    if (!this.drag) return;
    const { at, from, old, view, what } = this.drag;
    const far = Math.hypot(event.clientX - at[0], event.clientY - at[1]);
    if (what === "pan") {
      this.isFit = false;
      this._look(view.x - (event.clientX - at[0]) / view.scale, view.y - (event.clientY - at[1]) / view.scale, view.scale);
      return;
    }
    if (far < CLICK && !this.drag.box) return;
    const [x, y] = this._place([event.clientX, event.clientY]);
    if (what === "draw") this.drag.box = this.boxes.within([...from, x, y]);
    else if (what === "move") this.drag.box = this.boxes.moved(old, x - from[0], y - from[1]);
    else this.drag.box = this.boxes.within(stretched(old, what, x - from[0], y - from[1]));
    this.draw();
  }

  _up() {
    const drag = this.drag;
    this.cancel();
    if (!drag || drag.what === "pan") return;
    if (drag.what === "draw" && drag.box) this.events.drawn(drag.box);
    else if (drag.what === "draw") this._choose(null);
    else if (drag.box) this.events.moved(drag.number, drag.box);
  }

  _wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), [event.clientX, event.clientY]);
  }

  _resized() {
    if (!this.boxes) return;
    if (this.isFit) this.fit();
    else this._look(this.view.x, this.view.y, this.view.scale);
  }

  _look(x, y, scale) {
    this.view = { x, y, scale };
    const { width, height } = this.svg.getBoundingClientRect();
    this.svg.setAttribute("viewBox", `${x} ${y} ${width / scale} ${height / scale}`);
    this.svg.classList.toggle("sharp", scale >= 4);
    this.draw();
    this.events.zoomed(scale);
    this._sharpen();
  }

  // Parts of a picture that is larger than its preview, once the view is still.
  _sharpen() {
    clearTimeout(this.timer);
    const { width, height } = this.boxes;
    const longer = Math.max(width, height);
    if (longer <= PREVIEW_SIDE || this.view.scale * longer <= PREVIEW_SIDE) return;
    this.timer = setTimeout(() => {
      const shown = this.svg.viewBox.baseVal;
      const [left, top] = [Math.floor(between(0, shown.x, width - 1)), Math.floor(between(0, shown.y, height - 1))];
      const right = Math.ceil(between(left + 1, shown.x + shown.width, width));
      const bottom = Math.ceil(between(top + 1, shown.y + shown.height, height));
      const href = `${this.source}/${left}/${top}/${right - left}/${bottom - top}`;
      const part = made("image", { ...sides([left, top, right, bottom]), href, preserveAspectRatio: "none" });
      part.addEventListener("load", () => this.parts.replaceChildren(part), { once: true });
      this.parts.append(part); // over the last one, which goes when this one is there
    }, 200);
  }

  _place([x, y]) {
    const frame = this.svg.getBoundingClientRect();
    return [this.view.x + (x - frame.left) / this.view.scale, this.view.y + (y - frame.top) / this.view.scale];
  }

  _middle() {
    const { left, top, width, height } = this.svg.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  }
}

function stretched([left, top, right, bottom], handle, across, down) {
  return [
    left + (handle.includes("w") ? across : 0), top + (handle.includes("n") ? down : 0),
    right + (handle.includes("e") ? across : 0), bottom + (handle.includes("s") ? down : 0),
  ];
}

function made(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function sides([left, top, right, bottom]) {
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function area([left, top, right, bottom]) {
  return (right - left) * (bottom - top);
}
