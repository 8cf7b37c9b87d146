// The page's notices: errors, which everybody sees, and announcements, which screen readers speak.

import { $ } from "../dom.js";

export const ENDED = "The demo has ended, or closed this window. Load the page again.";

/** Show an error until the next action starts. */
export function showError(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = false;
}

/** Hide the error; with `text`, only if that is the error. */
export function clearError(text = $("trouble").textContent) {
  if ($("trouble").textContent === text) $("trouble").hidden = true;
}

/** Have a screen reader speak a text when it is idle. */
export function announce(text) {
  $("announcer").textContent = text;
}

/** Run an action, and show its error if it fails; `button` is disabled meanwhile. */
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
