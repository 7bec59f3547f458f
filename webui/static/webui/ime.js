// Whether a key press belongs to an input method: Enter that confirms a Chinese (or any IME's) word never sends.
export function watchComposition(box, options) {
  let isComposing = false;
  box.addEventListener("compositionstart", () => (isComposing = true), options);
  box.addEventListener("compositionend", () => (isComposing = false), options);
  // keyCode 229: Safari ends the composition before the Enter that confirmed it
  return (event) => isComposing || event.isComposing || event.keyCode === 229;
}
