// Keeps the newest message in view, unless the reader scrolled up; then a pill says that there is something new.

const NEAR_END_PX = 48;
const STILL_AFTER_MS = 120;

export function followNewest({ scroller, pill }) {
  let isFollowing = true;
  let lastTop = 0;
  let dueFrame = 0; // the list has grown, and the end is gone to before the next frame is painted
  let stillTimer = 0;

  const distance = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  // Scroll events come a frame late: while words stream in, a reader's move up would be undone before it is heard of.
  const wasMovedUp = () => scroller.scrollTop < lastTop - 2 && distance() >= NEAR_END_PX;
  const toEnd = () => {
    scroller.scrollTop = scroller.scrollHeight;
    lastTop = scroller.scrollTop;
  };

  const settleNow = () => {
    dueFrame = 0;
    if (wasMovedUp()) isFollowing = false;
    if (isFollowing) toEnd();
  };

  scroller.addEventListener(
    "scroll",
    () => {
      isFollowing = dueFrame ? isFollowing && !wasMovedUp() : distance() < NEAR_END_PX;
      lastTop = scroller.scrollTop;
      if (isFollowing) pill.hidden = true;
      holdHover();
    },
    { passive: true },
  );

  // What shows under the pointer waits until the list stands still: each row that passes would be painted for it.
  function holdHover() {
    clearTimeout(stillTimer);
    scroller.toggleAttribute("data-moving", true);
    stillTimer = setTimeout(() => scroller.toggleAttribute("data-moving", false), STILL_AFTER_MS);
  }

  pill.addEventListener("click", () => {
    isFollowing = true;
    toEnd();
    pill.hidden = true;
    scroller.focus({ preventScroll: true });
  });
  new ResizeObserver(() => isFollowing && toEnd()).observe(scroller);

  return {
    isFollowing() {
      if (wasMovedUp()) isFollowing = false;
      return isFollowing;
    },
    // Call after every change of the list, and `isFollowing()` before it. `isNew`: something arrived that the reader
    // hasn't seen. Measures nothing now: a key press must not wait for the layout, which the next frame makes anyway.
    settle({ isNew = false, isOwn = false } = {}) {
      if (isOwn) isFollowing = true;
      if (isFollowing) dueFrame ||= requestAnimationFrame(settleNow);
      else if (isNew) pill.hidden = false;
    },
  };
}
