// The page's sentences and numbers for scripts, made by Python: one JSON block.
export const texts = JSON.parse(document.getElementById("desk-texts").textContent);
