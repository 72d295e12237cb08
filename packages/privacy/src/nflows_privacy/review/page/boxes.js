// The boxes of one picture: what they are, which one is chosen, and what was before. Boxes are in pixels of the picture.

const LEAST = 2; // pixels of a side: what is smaller was no box

export class Boxes {
  constructor(regions, width, height) {
    this.regions = regions;
    this.width = width;
    this.height = height;
    this.chosen = null;
    this.before = [];
    this.after = [];
  }

  get one() {
    return this.chosen === null ? null : this.regions[this.chosen];
  }

  change(regions, chosen = this.chosen) {
    this.before.push(this.regions);
    this.after = [];
    this._set(regions, chosen);
  }

  undo() {
    return this._step(this.before, this.after);
  }

  redo() {
    return this._step(this.after, this.before);
  }

  add(box, kind) {
    const region = { kind, box: this.within(box), score: 1 };
    if (!isBox(region.box)) return false;
    this.change([...this.regions, region], this.regions.length);
    return true;
  }

  remove() {
    if (this.chosen === null) return false;
    this.change(this.regions.filter((_, number) => number !== this.chosen), null);
    return true;
  }

  // What a person has moved or named is certain, whatever a detector thought of it.
  replace(number, part) {
    const old = this.regions[number];
    const next = { ...old, ...part, score: 1 };
    if (!isBox(next.box) || (next.kind === old.kind && next.box.every((side, index) => side === old.box[index]))) return false;
    this.change(this.regions.map((region, index) => (index === number ? next : region)), number);
    return true;
  }

  // The box with its sides in order, cut off at the edges of the picture.
  within([left, top, right, bottom]) {
    const across = [left, right].map((side) => between(0, side, this.width)).sort((a, b) => a - b);
    const down = [top, bottom].map((side) => between(0, side, this.height)).sort((a, b) => a - b);
    return [across[0], down[0], across[1], down[1]].map((side) => Math.round(side * 10) / 10);
  }

  moved([left, top, right, bottom], across, down) {
    const x = between(Math.min(0, -left), across, Math.max(0, this.width - right));
    const y = between(Math.min(0, -top), down, Math.max(0, this.height - bottom));
    return [left + x, top + y, right + x, bottom + y].map((side) => Math.round(side * 10) / 10);
  }

  _step(from, to) {
    if (!from.length) return false;
    to.push(this.regions);
    this._set(from.pop(), null);
    return true;
  }

  _set(regions, chosen) {
    this.regions = regions;
    this.chosen = chosen !== null && chosen < regions.length ? chosen : null;
  }
}

export function between(low, value, high) {
  return Math.max(low, Math.min(value, high));
}

function isBox([left, top, right, bottom]) {
  return right - left >= LEAST && bottom - top >= LEAST;
}
