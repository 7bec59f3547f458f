// Keeps the newest message in view, unless the reader scrolled up; then a pill says that there is something new.

const NEAR_END_PX = 48;

export function followNewest({ scroller, pill }) {
  let isFollowing = true;

  const distance = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  const toEnd = () => (scroller.scrollTop = scroller.scrollHeight);

  scroller.addEventListener(
    "scroll",
    () => {
      isFollowing = distance() < NEAR_END_PX;
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
    // Call after every change of the list. `isNew`: something arrived that the reader hasn't seen.
    settle({ isNew, isOwn }) {
      if (isOwn) isFollowing = true;
      if (isFollowing) toEnd();
      else if (isNew) pill.hidden = false;
    },
  };
}
