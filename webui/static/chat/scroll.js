// Keeps the newest message in view, unless the reader scrolled up; then a pill says that there is something new.

const NEAR_END_PX = 48;

export function followNewest({ scroller, pill }) {
  let isFollowing = true;
  let lastTop = 0;

  const distance = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  // Scroll events come a frame late: while words stream in, a reader's move up would be undone before it is heard of.
  const wasMovedUp = () => scroller.scrollTop < lastTop - 2 && distance() >= NEAR_END_PX;
  const toEnd = () => {
    scroller.scrollTop = scroller.scrollHeight;
    lastTop = scroller.scrollTop;
  };

  scroller.addEventListener(
    "scroll",
    () => {
      isFollowing = distance() < NEAR_END_PX;
      lastTop = scroller.scrollTop;
      if (isFollowing) pill.hidden = true;
    },
    { passive: true },
  );
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
    // Call after every change of the list. `isNew`: something arrived that the reader hasn't seen.
    settle({ isNew, isOwn }) {
      if (wasMovedUp()) isFollowing = false;
      if (isOwn) isFollowing = true;
      if (isFollowing) toEnd();
      else if (isNew) pill.hidden = false;
    },
  };
}
