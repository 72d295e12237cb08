// The list of the pictures, and that of the boxes of one. Names of files and kinds are text, never HTML.

export class PictureList {
  constructor(list, progress, open) {
    Object.assign(this, { list, progress, open, pictures: [] });
  }

  fill(pictures) {
    this.pictures = pictures;
    this.buttons = pictures.map((picture, number) => {
      const button = made("button", {}, made("span", {}, picture.name), made("span", {}));
      button.addEventListener("click", () => this.open(number));
      return button;
    });
    this.list.replaceChildren(...this.buttons.map((button) => made("li", {}, button)));
    pictures.forEach((_, number) => this._write(number));
    this._count();
  }

  mark(number, states) {
    Object.assign(this.pictures[number], states);
    this._write(number);
    this._count();
  }

  _write(number) {
    const { seen, changed } = this.pictures[number];
    const state = this.buttons[number].lastChild;
    state.className = `state ${changed ? "changed" : ""}`;
    state.textContent = changed ? "changed" : seen ? "seen" : "";
  }

  _count() {
    const [seen, changed] = ["seen", "changed"].map((name) => this.pictures.filter((one) => one[name]).length);
    this.progress.textContent = `${seen} of ${this.pictures.length} seen, ${changed} changed`;
  }

  choose(number) {
    this.list.querySelector("[aria-current]")?.removeAttribute("aria-current");
    this.buttons[number].setAttribute("aria-current", "true");
    this.buttons[number].scrollIntoView({ block: "nearest" });
  }

  unseen(after) {
    const order = this.pictures.map((_, index) => (after + 1 + index) % this.pictures.length);
    return order.find((number) => !this.pictures[number].seen);
  }
}

export class BoxList {
  // `events` has `choose(number)`, `name(number, kind)` and `remove(number)`.
  constructor(list, events) {
    Object.assign(this, { list, events });
  }

  draw(boxes, kinds) {
    this.list.replaceChildren(...boxes.regions.map((region, number) => this._row(region, number, boxes, kinds)));
    this.list.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  }

  _row({ kind, box, score }, number, boxes, kinds) {
    const show = made("button", { "aria-pressed": number === boxes.chosen }, String(number + 1));
    show.addEventListener("click", () => this.events.choose(number));
    const select = made("select", { "aria-label": `Kind of box ${number + 1}` });
    select.append(...options(kinds, kind));
    select.addEventListener("change", () => this.events.name(number, select.value));
    const remove = made("button", { "aria-label": `Delete box ${number + 1}` }, "Delete");
    remove.addEventListener("click", () => this.events.remove(number));
    const [width, height] = [box[2] - box[0], box[3] - box[1]].map(Math.round);
    const by = score < 1 ? `score ${score.toFixed(2)}` : "by hand";
    const about = made("span", { class: "about" }, `${width} × ${height} pixels, ${by}`);
    const state = number === boxes.chosen ? "chosen" : "";
    return made("li", { class: `kind-${Math.max(0, kinds.indexOf(kind)) % 6} ${state}` }, show, select, remove, about);
  }
}

export function options(kinds, chosen) {
  return kinds.map((kind) => {
    const option = made("option", { value: kind }, kind);
    option.selected = kind === chosen;
    return option;
  });
}

function made(name, attributes, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}
