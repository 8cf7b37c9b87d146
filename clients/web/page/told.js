// What the page says in words: what went wrong, to everybody; what happened, to those who do not see it.

export const ENDED = "The demo has ended, or closed this window. Load the page anew.";
const box = document.getElementById("trouble");
const announcer = document.getElementById("announcer");

/** Show what went wrong, until something else is tried. */
export function trouble(text) {
  box.textContent = text;
  box.hidden = false;
}

/** Take back what was shown; only `text`, if it is given. */
export function clear(text = box.textContent) {
  if (box.textContent === text) box.hidden = true;
}

/** Say something politely. */
export function announce(text) {
  announcer.textContent = text;
}

/** Do what was asked for, and say so if it cannot be done. */
export async function attempt(deed) {
  clear();
  try {
    return await deed();
  } catch (error) {
    trouble(error.message);
    return undefined;
  }
}
