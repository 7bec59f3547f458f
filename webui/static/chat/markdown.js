// Answers are written in a little Markdown: paragraphs, lists, **bold** and links. Made of nodes, so that nothing in
// them is ever read as HTML; a link goes to http or https, or stays text.

import { element } from "./dom.js";

const INLINE = /\*\*(?=\S)([^*\n]+?)\*\*|\[([^\]\n]{1,300})\]\((\S{1,2000}?)\)|(https?:\/\/[^\s<>"'「」『』（）。，；！？、]+)/g;
const BULLET = /^ {0,3}[-*•]\s+(.*)$/;
const NUMBER = /^ {0,3}(\d{1,3})(?:[.)](?:\s+|(?=\p{Script=Han}))|、(?!\d)\s*)(.*)$/u; // not "3.5 kg", nor "3、5 天"

export function markdown(text) {
  const blocks = [];
  let lines = [];
  const flush = () => {
    if (lines.length) blocks.push(paragraph(lines));
    lines = [];
  };
  for (const line of text.split("\n")) {
    const bullet = BULLET.exec(line);
    const number = bullet ? null : NUMBER.exec(line);
    if (bullet || number) {
      flush();
      const item = element("li", "", ...inline((bullet ?? number).at(-1)));
      if (number) item.value = Number(number[1]); // as it was written: steps may be spoken of by their number
      listFor(blocks, bullet ? "ul" : "ol").append(item);
    } else if (!line.trim()) flush();
    else lines.push(line);
  }
  flush();
  return blocks;
}

// As it is said: no marks, and of a link its words.
export function spokenWords(text) {
  return text.replaceAll("**", "").replace(/\[([^\]\n]{1,300})\]\(\S{1,2000}?\)/g, "$1");
}

function listFor(blocks, tag) {
  const last = blocks.at(-1);
  if (last?.localName === tag) return last;
  const list = element(tag);
  blocks.push(list);
  return list;
}

function paragraph(lines) {
  return element("p", "", ...lines.flatMap((line, index) => (index ? [element("br"), ...inline(line)] : inline(line))));
}

function inline(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) parts.push(text.slice(end, match.index));
    parts.push(...partOf(match));
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}

function partOf([whole, bold, label, target, bare]) {
  if (bold) return [element("strong", "", bold)];
  if (!bare) return [link(target, label) ?? whole];
  const url = bare.replace(/[.,;:!?)\]]+$/, "");
  return [link(url, url) ?? url, bare.slice(url.length)];
}

// The link, or null for whatever isn't plainly http(s): javascript:, data:, relative, or with a name and password.
function link(target, label) {
  let url;
  try {
    url = new URL(target);
  } catch {
    return null;
  }
  if (!["http:", "https:"].includes(url.protocol) || url.username || url.password) return null;
  const node = element("a", "", label);
  node.href = url.href;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  return node;
}
