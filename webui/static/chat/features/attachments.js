// Files in a message: chosen, pasted or dropped; uploaded before they are sent, with progress, cancel and try again.
// In the list: images as small pictures, other files by name.

import { element, icon } from "../dom.js";
import { plainButton } from "./answers.js";

const TYPES = "image/png,image/jpeg,image/webp,image/gif,application/pdf";

export function install(chat) {
  const { strings } = chat;
  const waiting = []; // {file, node, attachment, request, isFailed}
  const tray = element("ul", "tray");
  tray.setAttribute("aria-label", strings.files);
  tray.hidden = true;
  const picker = element("input", "visually-hidden");
  Object.assign(picker, { type: "file", accept: TYPES, multiple: true, tabIndex: -1 });
  picker.setAttribute("aria-hidden", "true");
  picker.addEventListener("change", () => {
    add(picker.files);
    picker.value = "";
  });
  const button = plainButton("composer-tool", "", () => picker.click());
  button.append(icon("attach"));
  button.setAttribute("aria-label", strings.attach);
  button.title = strings.attach;
  const tool = element("span", "", button, picker);
  const urls = new Set();

  const onPaste = (event) => event.clipboardData?.files.length && (event.preventDefault(), add(event.clipboardData.files));
  const onDrag = (event) => {
    if (!isOn() || ![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    chat.root.toggleAttribute("data-dropping", event.type === "dragover");
    if (event.type === "drop") add(event.dataTransfer.files);
  };
  chat.root.addEventListener("paste", onPaste);
  for (const name of ["dragover", "dragleave", "drop"]) chat.root.addEventListener(name, onDrag);
  chat.root.addEventListener("kefu:offers", ({ detail }) => (tool.hidden = !detail.attachments));

  return {
    composerTools: () => [tool],
    above: () => [tray],
    hasAttachments: () => waiting.some((one) => one.attachment),
    beforeSend(draft) {
      if (waiting.some((one) => !one.attachment)) {
        chat.announce(strings.filesNotReady);
        return false;
      }
      if (waiting.length) {
        draft.attachments.push(...waiting.map((one) => one.attachment));
        waiting.splice(0);
        show();
      }
      return true;
    },
    messageBody: (message) => (message.attachments ?? []).map(fileNode),
    destroy: () => {
      chat.root.removeEventListener("paste", onPaste);
      for (const name of ["dragover", "dragleave", "drop"]) chat.root.removeEventListener(name, onDrag);
      urls.forEach((url) => URL.revokeObjectURL(url));
      waiting.forEach((one) => one.request?.abort());
    },
  };

  function isOn() {
    return chat.offers?.attachments !== false;
  }

  function add(files) {
    if (!isOn()) return;
    for (const file of files) {
      const limit = chat.offers?.attachments_per_message ?? 5;
      if (waiting.length >= limit) {
        chat.announce(strings.file_too_many);
        break;
      }
      const one = { file, node: element("li", "tray-item"), attachment: null, request: null };
      waiting.push(one);
      tray.append(one.node);
      upload(one);
    }
    show();
  }

  function upload(one) {
    const megabytes = chat.offers?.attachment_max_mb ?? 10;
    if (one.file.size > megabytes * 1_048_576) return fail(one, "too_large", false);
    if (!one.file.size) return fail(one, "empty", false);
    const bar = element("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", strings.uploading);
    draw(one, bar);
    one.request = post(one, (share) => (bar.value = share));
    return undefined;
  }

  // XMLHttpRequest: fetch has no progress of what goes out.
  function post(one, onProgress) {
    const request = new XMLHttpRequest();
    const { token, endpoints } = chat.options;
    request.open("POST", new URL("attachments/", new URL(endpoints.api, location.href)));
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    else request.setRequestHeader("X-CSRFToken", /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status !== 200) return fail(one, request.response?.code ?? "failed", request.status >= 500);
      one.attachment = request.response.attachment;
      return draw(one);
    });
    request.addEventListener("error", () => fail(one, "failed", true));
    const form = new FormData();
    form.append("file", one.file, one.file.name || "image.png");
    request.send(form);
    return request;
  }

  function fail(one, code, canRetry) {
    const megabytes = chat.offers?.attachment_max_mb ?? 10;
    const text = (strings[`file_${code}`] ?? strings.file_failed).replace("{max}", megabytes);
    draw(one, element("span", "field-error", text), canRetry ? plainButton("message-retry", strings.tryAgain, () => upload(one)) : null);
    chat.announce(text);
  }

  function draw(one, ...parts) {
    const remove = plainButton("tray-remove", "", () => discard(one));
    remove.append(icon("close", "icon icon-small"));
    remove.setAttribute("aria-label", strings.removeFile.replace("{name}", () => one.file.name));
    const mark = icon(one.file.type === "application/pdf" ? "source" : "image", "icon icon-small");
    one.node.replaceChildren(mark, element("span", "tray-name", one.file.name), ...parts.filter(Boolean), remove);
    show();
  }

  function discard(one) {
    one.request?.abort();
    if (one.attachment) chat.api(`attachments/${one.attachment.id}/`, { method: "DELETE" }).catch(() => {});
    waiting.splice(waiting.indexOf(one), 1);
    show();
    chat.composer.focus();
  }

  function show() {
    for (const node of [...tray.children]) if (!waiting.some((one) => one.node === node)) node.remove();
    tray.hidden = !waiting.length;
    chat.composer.refresh?.();
  }

  function fileNode(attachment) {
    const address = new URL(`../attachments/${attachment.id}/`, new URL(chat.options.endpoints.api, location.href)).href;
    const isImage = attachment.content_type.startsWith("image/");
    const link = element("a", isImage ? "file-image" : "file-link");
    link.target = "_blank";
    link.rel = "noopener";
    if (isImage) {
      const picture = element("img");
      Object.assign(picture, { alt: attachment.name, loading: "lazy", width: attachment.width, height: attachment.height });
      link.append(picture);
      fill(picture, "src", `${address}thumbnail/`);
    } else {
      link.append(icon("source"), element("span", "", attachment.name), element("small", "muted", sizeOf(attachment.size)));
      link.download = attachment.name;
    }
    fill(link, "href", address);
    return link;
  }

  // A token can't ride on a link: with one, the bytes are fetched and shown from memory.
  async function fill(node, name, address) {
    if (!chat.options.token) {
      node[name] = address;
      return;
    }
    try {
      const response = await fetch(address, { headers: { Authorization: `Bearer ${chat.options.token}` }, credentials: "omit" });
      if (!response.ok) return;
      const url = URL.createObjectURL(await response.blob());
      urls.add(url);
      node[name] = url;
    } catch {
      // The name stays; a click does nothing until the list is drawn again.
    }
  }

  function sizeOf(bytes) {
    const isLarge = bytes >= 1_048_576;
    const number = new Intl.NumberFormat(chat.locale, { maximumFractionDigits: 1 });
    return `${number.format(isLarge ? bytes / 1_048_576 : Math.max(1, bytes / 1024))} ${isLarge ? "MB" : "KB"}`;
  }
}
