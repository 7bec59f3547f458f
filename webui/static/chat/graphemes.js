// Where one character as people see it ends: a family emoji, a flag or a letter with its accents is never cut.

const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null;

// The first boundary at or after `at`.
export function boundaryAfter(text, at) {
  if (at <= 0 || at >= text.length) return Math.max(0, Math.min(at, text.length));
  if (!segmenter) return isSurrogateTail(text, at) ? at + 1 : at;
  const segment = segmenter.segment(text).containing(at);
  return segment.index === at ? at : segment.index + segment.segment.length;
}

// Where the last character begins: it may still grow while the text does.
export function lastBoundary(text) {
  if (!text) return 0;
  if (!segmenter) return text.length;
  return segmenter.segment(text).containing(text.length - 1).index;
}

function isSurrogateTail(text, at) {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff;
}
