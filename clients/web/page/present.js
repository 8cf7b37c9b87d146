// Present mode, for a projector: without the controls, and with larger lanes. Key P, in no field, changes it.

import { $ } from "../dom.js";

const FIELDS = "input, select, textarea";

/** Let the button and the key change the mode. */
export function enablePresenting() {
  const change = () => document.body.classList.toggle("is-presenting");
  $("present").onclick = change;
  addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
    if (key.toLowerCase() === "p" && !ctrlKey && !metaKey && !altKey && !target.closest?.(FIELDS)) change();
  });
}
