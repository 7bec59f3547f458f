"""Which tokens lie in which slot of the key/value cache, and which slot a new prompt should continue from.

A conversation's next prompt begins with what its last one held, and every prompt begins with the same system text:
whatever a slot already holds of a prompt need not run through the model again. A finished request's slot is therefore
kept until somebody else needs it, least recently used first. Knows token ids only; `ModelRunner` moves the tensors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


class CacheTensors(Protocol):
    """The part of the model runner that moves cached tokens."""

    def swap_slots(self, one: int, other: int, length: int) -> None: ...
    def copy_slot(self, source: int, target: int, length: int) -> None: ...
    def free_slot(self, slot: int) -> None: ...


@dataclass
class Slot:
    """`token_ids`: those whose keys and values are cached, from position 0 on."""

    token_ids: list[int] = field(default_factory=list)
    used_at: int = 0


class SlotTable:
    """The slots as the cache numbers them: the first `num_active` belong to requests, the others wait for reuse."""

    def __init__(self, tensors: CacheTensors, *, num_slots: int, reuses_prefixes: bool = True) -> None:
        self._tensors = tensors
        self._slots = [Slot() for _ in range(num_slots)]
        self._reuses_prefixes = reuses_prefixes
        self._clock = 0
        self.num_active = 0
        self.num_evicted = 0

    def __getitem__(self, index: int) -> Slot:
        return self._slots[index]

    @property
    def num_cached_tokens(self) -> int:
        return sum(len(slot.token_ids) for slot in self._slots)

    def take(self, prompt: Sequence[int]) -> int:
        """Makes the next slot active for a prompt; returns how many of its first tokens the slot holds already.

        At least the last token is left to run: its logits choose the first new token. There must be a free slot.
        """
        target = self.num_active
        best = max(range(len(self._slots)), key=lambda index: self._shared(index, prompt))
        num_shared = self._shared(best, prompt)
        if best >= target and 2 * num_shared >= len(self._slots[best].token_ids):
            self.swap(best, target)  # its own conversation, or an empty slot
        else:
            spare = self._least_recent(but=best)
            self.swap(spare, target)
            source = spare if best == target else best  # the swap moved what was in `target`
            self._tensors.copy_slot(source, target, num_shared)
            self._slots[target].token_ids = list(prompt[:num_shared])
        del self._slots[target].token_ids[num_shared:]
        self._touch(target)
        self.num_active += 1
        return num_shared

    def release(self, index: int) -> None:
        """Ends the use of an active slot; the last active one takes its place and its tokens stay for reuse."""
        self._touch(index)
        self.num_active -= 1
        self.swap(index, self.num_active)

    def evict(self, max_kept_tokens: int) -> None:
        """Forgets finished chats, least recently used first, until the rest hold no more tokens than that."""
        kept = sorted(range(self.num_active, len(self._slots)), key=lambda index: self._slots[index].used_at)
        num_tokens = sum(len(self._slots[index].token_ids) for index in kept)
        for index in kept:
            if num_tokens <= max_kept_tokens:
                return
            if token_ids := self._slots[index].token_ids:
                num_tokens -= len(token_ids)
                self._tensors.free_slot(index)
                token_ids.clear()
                self.num_evicted += 1

    def swap(self, one: int, other: int) -> None:
        if one != other:
            length = max(len(self._slots[one].token_ids), len(self._slots[other].token_ids))
            self._tensors.swap_slots(one, other, length)
            self._slots[one], self._slots[other] = self._slots[other], self._slots[one]

    def _shared(self, index: int, prompt: Sequence[int]) -> int:
        limit = len(prompt) - 1 if self._reuses_prefixes else 0
        num = 0
        for cached, wanted in zip(self._slots[index].token_ids, prompt, strict=False):
            if cached != wanted or num == limit:
                break
            num += 1
        return num

    def _least_recent(self, *, but: int) -> int:
        free = [index for index in range(self.num_active, len(self._slots)) if index != but]
        return min(free or [but], key=lambda index: self._slots[index].used_at)

    def _touch(self, index: int) -> None:
        self._clock += 1
        self._slots[index].used_at = self._clock
