// The few ways in which the chat makes nodes. Text is always text; nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";

export function element(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// A drawing of the line set (templates/icons.html), which must be in the same document or shadow root.
export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
}
