// The link for networks that let no WebSocket through: frames come as server-sent events, read with fetch so that
// headers can carry a token, and go out one by one as POSTs. Says and hears the same frames as socket.js.

const CLOSED_BY_STATUS = { 401: 4401, 403: 4403 }; // what the socket would have closed with
const ABNORMAL = 1006;

export function openStream({ endpoints, token, request, onOpen, onFrame, onAlive, onClosed }) {
  const abort = new AbortController();
  let reading = null; // the AbortController of the stream that is open now
  let conversationId = null;
  let isOver = false;
  let posts = Promise.resolve(); // in order, one at a time

  queueMicrotask(() => isOver || onOpen());
  return { send, close };

  function send(frame) {
    if (isOver) return false;
    const isMove = frame.type === "conversation.open";
    const isFirst = frame.type === "conversation.subscribe" && !reading;
    if (isMove || isFirst) listen(frame.conversation_id ?? null, frame.last_seq ?? 0, frame.language);
    else posts = posts.then(() => post(frame));
    return true;
  }

  function close() {
    isOver = true;
    abort.abort();
    reading?.abort();
  }

  function fail(code) {
    if (isOver) return;
    close();
    onClosed(code);
  }

  async function listen(id, lastSeq, language) {
    reading?.abort();
    const own = (reading = new AbortController());
    conversationId = id;
    const url = new URL(endpoints.events, location.href);
    url.searchParams.set("last_seq", lastSeq);
    if (id) url.searchParams.set("conversation_id", id);
    if (language) url.searchParams.set("language", language);
    try {
      const response = await request(url, { signal: own.signal, headers: { Accept: "text/event-stream" } });
      if (!response.ok) return void (own.signal.aborted || fail(CLOSED_BY_STATUS[response.status] ?? ABNORMAL));
      await readEvents(response.body, (data) => own.signal.aborted || hear(data), onAlive);
    } catch {
      // the network is gone, or the stream was closed here
    }
    if (!own.signal.aborted) fail(ABNORMAL);
    return undefined;
  }

  function hear(data) {
    const frame = JSON.parse(data);
    if (frame.type === "closed") fail(frame.data.code);
    else takeIn(frame);
  }

  function takeIn(frame) {
    if (frame.type === "conversation.snapshot") {
      const id = frame.data.conversation_id;
      const isMoved = conversationId !== null && conversationId !== id;
      conversationId = id;
      if (isMoved) listen(id, frame.data.last_seq);
    }
    onFrame(frame);
  }

  async function post(frame) {
    if (isOver) return;
    try {
      const response = await request(endpoints.frames, { method: "POST", body: frame, signal: abort.signal });
      if (!response.ok && response.status !== 400) return void fail(CLOSED_BY_STATUS[response.status] ?? ABNORMAL);
      const answer = await response.json();
      for (const one of answer.frames) if (!isOver) takeIn(one);
    } catch {
      fail(ABNORMAL);
    }
  }
}

async function readEvents(body, onData, onAlive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onAlive();
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const lines = event.split("\n").filter((line) => line.startsWith("data: "));
      if (lines.length) onData(lines.map((line) => line.slice(6)).join("\n"));
    }
  }
}
