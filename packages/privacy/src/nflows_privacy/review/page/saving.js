// What goes to the program and comes from it. A change is sent at once, one after the other, the newest only.

import { ask, fetched } from "/ask.js";

export async function download(path, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await (await fetched(path)).blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

export class Saver {
  constructor(show) {
    this.show = show; // is told "saving", "saved" or an error
    this.wanted = null;
    this.running = null;
  }

  get isDone() {
    return this.wanted === null && this.running === null;
  }

  // `marks` has the number, the SHA-256 and the version of the picture; the version follows what was saved.
  save(marks, regions) {
    this.wanted = { marks, regions };
    return this.again();
  }

  again() {
    this.running ??= this._send().finally(() => { this.running = null; });
    return this.running;
  }

  discard() {
    this.wanted = null;
  }

  async _send() {
    while (this.wanted !== null) {
      const sent = this.wanted;
      this.show("saving");
      try {
        const { sha256, version } = sent.marks;
        const saved = await ask(`/pictures/${sent.marks.number}`, { sha256, version, regions: sent.regions });
        sent.marks.version = saved.version;
      } catch (error) {
        this.show(error);
        return;
      }
      if (this.wanted === sent) this.wanted = null;
    }
    this.show("saved");
  }
}
