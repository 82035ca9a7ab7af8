// The code on the box, read by the phone's camera in the page itself: no picture is kept, and none leaves the phone.

import { h, put } from "../dom.js";
import { t } from "../words.js";
import { labelOf } from "./label.js";

const LOOK_MS = 150;
const SIDE_PX = 640;

/** How this browser reads codes: its own detector, else the library. An async function from a canvas to what it says. */
async function reader() {
  if ("BarcodeDetector" in window) {
    const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
    if (formats.includes("qr_code")) {
      const detector = new BarcodeDetector({ formats: ["qr_code"] });
      return async (canvas) => (await detector.detect(canvas)).map((found) => found.rawValue);
    }
  }
  const { decodeQR } = await import("../../vendor/qr/decode.js");
  return async (canvas, context) => {
    try {
      return [decodeQR(context.getImageData(0, 0, canvas.width, canvas.height))];
    } catch {
      return []; // no code in this picture
    }
  };
}

/** A window with the camera's view and a field for those who type; `onRead({id, kind})` gets the label. */
export class Scanner {
  #stream = null;
  #turn = 0;

  constructor({ onRead }) {
    this.onRead = onRead;
    this.element = h("dialog", { class: "scan", "aria-labelledby": "scan-title" });
    this.element.addEventListener("close", () => this.#stop());
    addEventListener("pagehide", () => this.#stop());
    document.addEventListener("visibilitychange", () => document.hidden && this.element.open && this.element.close());
  }

  open() {
    this.video = h("video", { class: "scan-view", playsinline: true, muted: true, "aria-label": t("scan.view") });
    this.frame = h("div", { class: "scan-frame", hidden: true }, this.video, h("div", { class: "scan-aim", "aria-hidden": "true" }));
    this.says = h("p", { class: "says", role: "status" }, t("scan.asking"));
    this.torch = h("button", { type: "button", class: "act", hidden: true, "aria-pressed": "false", onclick: () => this.#light() }, t("scan.torch"));
    const typed = h("input", { name: "label", autocapitalize: "none", autocomplete: "off", spellcheck: "false", required: true, maxlength: 300 });
    const form = h("form", { class: "scan-typed", onsubmit: (event) => { event.preventDefault(); this.#take(typed.value); } },
      h("label", { class: "field" }, h("span", {}, t("scan.typed")), typed), h("button", { type: "submit", class: "act", "data-action": "typed" }, t("scan.take")));
    put(this.element, h("div", { class: "scan-body" }, h("h2", { id: "scan-title", tabindex: "-1", autofocus: true }, t("scan.title")), this.frame, this.says, this.torch, form,
      h("p", { class: "dim" }, t("scan.kept")), h("button", { type: "button", class: "act", "data-action": "scan-close", onclick: () => this.element.close() }, t("scan.close"))));
    this.element.showModal();
    this.#look();
  }

  async #look() {
    const mine = ++this.#turn;
    if (!isSecureContext || !navigator.mediaDevices?.getUserMedia) {
      put(this.says, t("scan.insecure"));
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 } } });
      if (mine !== this.#turn) {
        stream.getTracks().forEach((track) => track.stop()); // closed, or opened anew, while the phone asked
        return;
      }
      this.#stream = stream;
      this.frame.hidden = false;
      this.video.srcObject = stream;
      this.torch.hidden = !stream.getVideoTracks()[0].getCapabilities?.().torch;
      await this.video.play();
    } catch {
      if (mine === this.#turn) put(this.says, t("scan.refused"));
      return;
    }
    put(this.says, t("scan.aim"));
    const read = await reader();
    const canvas = h("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    while (mine === this.#turn) {
      const { videoWidth: width, videoHeight: height } = this.video;
      const scale = Math.min(1, SIDE_PX / Math.max(width, height, 1));
      canvas.width = Math.max(1, Math.round(width * scale));
      canvas.height = Math.max(1, Math.round(height * scale));
      context.drawImage(this.video, 0, 0, canvas.width, canvas.height);
      const [said] = width ? await read(canvas, context) : [];
      if (mine === this.#turn && said) this.#take(said);
      await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
    }
    canvas.width = canvas.height = 0;
  }

  #take(text) {
    const label = labelOf(text);
    if (!label) {
      put(this.says, t("scan.other"));
      this.says.classList.add("says-warn");
      return;
    }
    this.element.close();
    navigator.vibrate?.(60);
    this.onRead(label);
  }

  async #light() {
    const on = this.torch.getAttribute("aria-pressed") !== "true";
    try {
      await this.#stream?.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: on }] });
      this.torch.setAttribute("aria-pressed", String(on));
    } catch {
      this.torch.hidden = true; // this phone keeps its lamp to itself
    }
  }

  #stop() {
    this.#turn += 1;
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    if (this.video) this.video.srcObject = null;
  }
}
