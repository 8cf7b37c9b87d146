// What the page says in words: errors to everybody; what happened, to people who do not see it.

import { $ } from "../dom.js";

export const ENDED = "The demo has ended, or closed this window. Load the page again.";

/** Show an error, until something else is tried. */
export function showError(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = false;
}

/** Hide the error; only `text`, if it is given. */
export function clearError(text = $("trouble").textContent) {
  if ($("trouble").textContent === text) $("trouble").hidden = true;
}

/** Have a screen reader say something, politely. */
export function announce(text) {
  $("announcer").textContent = text;
}

/** Do something, and show the error if it fails; `button` is disabled meanwhile. */
export async function attempt(action, button = {}) {
  clearError();
  button.disabled = true;
  try {
    await action();
  } catch (error) {
    showError(error.message);
  } finally {
    button.disabled = false;
  }
}
