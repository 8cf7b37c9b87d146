// Functions that all modules of a page share, to find, make and change parts of the document.

export const $ = (id) => document.getElementById(id);

/** Return a new HTML element with properties and children. A child is an element or a text, never markup. */
export const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

/** Return a new SVG element with attributes and children. */
export const svg = (name, attributes = {}, ...children) => {
  const made = setAttributes(document.createElementNS("http://www.w3.org/2000/svg", name), attributes);
  made.append(...children);
  return made;
};

export const setAttributes = (node, attributes) => {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};

/** Change a node's text, if it differs: an unchanged text is neither drawn nor announced again. */
export const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

/** Return a function that schedules `draw` for the next frame; several calls before that frame draw once. */
export const oncePerFrame = (draw) => {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      draw();
    });
  };
};
