// A name for one message, given once: sent again under it, the message is still one. (crypto.randomUUID exists on https
// and localhost only.)
export function newClientId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
