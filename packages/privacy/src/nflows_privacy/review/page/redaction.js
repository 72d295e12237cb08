// The button that redacts all pictures, what the command says, and the pictures after it.

import { ask } from "/ask.js";

const PAUSE = 500; // milliseconds between two looks

export class Redaction {
  constructor(element, saver, marks, stage, complain) {
    Object.assign(this, { element, saver, marks, stage, complain, isAfter: false });
  }

  offer(isOffered) {
    this.element("redact").hidden = this.element("after").hidden = !isOffered;
  }

  async start() {
    await this.saver.running;
    if (!this.saver.isDone) return;
    const dialog = this.element("redaction");
    dialog.showModal();
    try {
      let state = await ask("/redaction", {});
      while (this._tell(state)) {
        await new Promise((go) => setTimeout(go, PAUSE));
        state = await ask("/redaction");
      }
      if (state.exit_code === 0 && !this.isAfter) this.toggle();
      else this._show();
    } catch (error) {
      this.element("outcome").textContent = error.message;
    }
  }

  source(number) {
    return `/pictures/${number}/${this.isAfter ? "redacted" : "original"}`;
  }

  toggle() {
    this.isAfter = !this.isAfter;
    this.element("after").setAttribute("aria-pressed", this.isAfter);
    this._show();
  }

  // Why the picture is not shown.
  explain() {
    const marks = this.marks();
    if (marks) ask(this.source(marks.number)).catch(this.complain);
  }

  _show() {
    const marks = this.marks();
    this.element("problem").hidden = true;
    if (marks) this.stage.show(this.source(marks.number));
  }

  _tell({ command, is_running: isRunning, exit_code: code, told }) {
    this.element("command").textContent = command;
    this.element("told").textContent = told.join("\n");
    this.element("told").scrollTop = this.element("told").scrollHeight;
    const outcome = code === 0 ? "Done: all pictures are redacted." : `Ended with exit code ${code}; the lines say why.`;
    this.element("outcome").textContent = isRunning ? "Working …" : outcome;
    return isRunning;
  }
}
